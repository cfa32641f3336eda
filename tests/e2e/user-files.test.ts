/**
 * Small files with traits that users' files have (`tests/parity/make_cases.py`), through the command line and the
 * services: each is prepared with the options that its owner would give, and what the services then hold is compared
 * with what is right.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { GetPcaResponse, Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { readNpy } from '@hyperswap/raster';
import { maximumDifference } from '../support/arrays.js';
import { makeWorkspace, type Finished, type Workspace } from '../support/command.js';
import { caseFile } from '../support/fixtures.js';
import { readMap, readRaster } from '../support/rasters.js';
import { labelsOf, npy, startServices, type Services } from '../support/services.js';

let services: Services;
let workspace: Workspace;

before(async () => {
  services = await startServices();
  workspace = await makeWorkspace();
});

after(() => services.stop());

const array = (name: string) => readNpy(name, readFileSync(caseFile(name)));
const hyperswap = (...args: string[]): Promise<Finished> =>
  workspace.run('--endpoint', services.host.server.endpoint, '--json', ...args);

interface Prepared {
  readonly scene: Scene;
  /** Labels of the first label map. */
  readonly labels: Uint8Array;
  /** Warnings, as the user sees them. */
  readonly stderr: string;
}

/** Prepares a case under a name. */
async function prepare(name: string, ...args: string[]): Promise<Prepared> {
  const { code, stdout, stderr } = await hyperswap('scenes', 'prepare', ...args, '--name', name);
  assert.equal(code, 0, stderr);
  const scene = JSON.parse(stdout) as Scene;
  const labels = scene.labelMaps.length > 0 ? await labelsOf(services, scene, '') : new Uint8Array();
  return { scene, labels, stderr };
}

/** Returns what the command says of a case that it refuses. */
async function refused(...args: string[]): Promise<string> {
  const { code, stderr } = await hyperswap('scenes', 'prepare', ...args, '--name', 'refused');
  assert.equal(code, 1);
  return stderr;
}

const pcaOf = (scene: string): Promise<GetPcaResponse> => callUnary(services.scenes, 'getPca', { scene });

/** Returns the labelled pixels of a class as `row,column`. */
function placesOf(labels: Uint8Array, label: number, width: number): string[] {
  return [...labels.keys()]
    .filter((pixel) => labels[pixel] === label)
    .map((pixel) => `${Math.floor(pixel / width)},${pixel % width}`);
}

const square = [3, 4, 5, 6, 7].flatMap((row) => [5, 6, 7, 8, 9].map((column) => `${row},${column}`));
const nodataCases = ['nodata_m9999', 'nodata_zero', 'nodata_nan', 'nodata_lowest_float'];
const shapeCases = ['utm.geojson', 'longitude_latitude.geojson'];

test('nodata of any value has no part in the PCA, in the labels and in the map', async () => {
  // The same scene without its border of 8 columns.
  const whole = await prepare('none', caseFile('nodata_none.tif'));
  assert.equal(whole.scene.validPixels, 900);
  const { values, info } = await readRaster(caseFile('nodata_none.tif'));
  const rest = Float32Array.from(
    values.filter((_, place) => Math.floor(place / info.bands) % info.width >= 8),
    Number,
  );
  await writeFile(path.join(workspace.directory, 'rest.npy'), npy([info.height, info.width - 8, info.bands], rest));
  await prepare('rest', 'rest.npy', '--bands-last');
  const wanted = await pcaOf('rest');
  const truth = array('nodata_labels.npy').values;
  for (const name of nodataCases) {
    const { scene, labels } = await prepare(name, caseFile(`${name}.tif`), '--labels', caseFile('nodata_labels.npy'));
    assert.equal(scene.validPixels, 660, name);
    const found = await pcaOf(name);
    assert.ok(maximumDifference(found.components, wanted.components) < 1e-6, name);
    assert.ok(maximumDifference(found.mean, wanted.mean) < 1e-3, name);
    assert.deepEqual([...labels], [...truth], name);
  }
  const listed = await hyperswap('scenes', 'list');
  assert.equal(listed.code, 0, listed.stderr);
  for (const name of nodataCases) assert.match(listed.stdout, new RegExp(name));

  const trained = await hyperswap(
    ...['train', '--scene', 'nodata_nan', '--adapter', 'nodata', '--method', 'linear-probe', '--split', '12:4'],
    ...['--patch-size', '9', '--set', 'epochs=4'],
  );
  assert.equal(trained.code, 0, trained.stderr);
  for (const scene of ['nodata_nan', caseFile('nodata_nan.tif')]) {
    const classified = await hyperswap('classify', '--scene', scene, '--adapter', 'nodata', '--out', 'map');
    assert.equal(classified.code, 0, classified.stderr);
    const map = await readMap(path.join(workspace.directory, 'map', 'labels.tif'));
    map.forEach((label, pixel) => assert.equal(label === 0, pixel % 30 < 8, `${scene}, pixel ${pixel}`));
  }
});

test('nodata is told by the option where the file has no tag', async () => {
  const { scene } = await prepare('option', caseFile('bands_last.npy'), '--bands-last', '--nodata', '-9999');
  assert.equal(scene.raster!.nodata, -9999);
});

test('a big-endian TIFF with LZW and a predictor gives the PCA of its array', async () => {
  const tiff = await prepare('big-endian', caseFile('big_endian_lzw_predictor2.tif'));
  const expected = await prepare('expected', caseFile('big_endian_expected.npy'), '--bands-last');
  assert.equal(tiff.scene.pcaDigest, expected.scene.pcaDigest);
});

test('shapes lie where GDAL lays them: by area and by point, in UTM and in longitude and latitude', async () => {
  for (const file of ['pixel_is_area.tif', 'pixel_is_point.tif']) {
    for (const shapes of file.includes('area') ? [...shapeCases, 'null_geometry.geojson'] : shapeCases) {
      const { labels, stderr } = await prepare('shapes', caseFile(file), '--labels', caseFile(shapes), '--replace');
      assert.deepEqual(placesOf(labels, 1, 22), square, `${shapes} on ${file}`);
      assert.deepEqual(placesOf(labels, 2, 22), ['2,12'], `${shapes} on ${file}`);
      assert.equal(stderr.includes('feature 3 is without a geometry'), shapes.startsWith('null'), stderr);
    }
  }
  const file = [caseFile('pixel_is_area.tif'), '--labels', caseFile('property_named_otherwise.geojson')];
  const named = await prepare('property', ...file, '--label-property', 'Class_ID');
  assert.deepEqual(placesOf(named.labels, 1, 22), square);
  assert.match(await refused(...file), /it has fid, Class_ID.*--label-property/);
});

test('features on no pixel are named', async () => {
  for (const shapes of ['outside.geojson', 'smaller_than_a_pixel.geojson']) {
    const given = [caseFile('x_20_22.npy'), '--bands-last', '--labels', caseFile(shapes), '--replace'];
    const { labels, stderr } = await prepare('missed', ...given);
    assert.match(stderr, new RegExp(`${shapes}: feature 1 is on no pixel of the scene`));
    assert.equal(placesOf(labels, 2, 22).length, 9);
  }
});

test('labels of any integer type, separator, names and codes become the same classes', async () => {
  const expected = [...array('labels_int64.npy').values].map(Number);
  const prepareWith = (name: string, ...args: string[]): Promise<Prepared> =>
    prepare('values', caseFile('x_20_24.npy'), '--bands-last', '--replace', '--labels', caseFile(name), ...args);
  for (const name of ['labels_int64.npy', 'labels_semicolons.csv', 'labels_by_name.csv']) {
    const { scene, labels } = await prepareWith(name);
    assert.deepEqual([...labels], expected, name);
    if (name.includes('name')) {
      assert.deepEqual(
        scene.classes.map((entry) => entry.name),
        ['grass', 'soil', 'roof'],
      );
    }
  }
  for (const mapping of ['auto', '0=1,1=2,2=3']) {
    const file = 'labels_255_is_nodata_0_is_a_class.npy';
    const { labels } = await prepareWith(file, '--labels-nodata', '255', '--map-classes', mapping);
    assert.deepEqual([...labels], expected, mapping);
  }
});

test('codes of label files become classes, and come back in the map', async () => {
  const { values, shape } = array('labels_255_is_nodata_0_is_a_class.npy');
  const corine = [111, 211, 523];
  const coded = Int16Array.from(values, (value) => (value === 255 ? -1 : corine[value]!));
  await writeFile(path.join(workspace.directory, 'corine.npy'), npy([...shape], coded));
  const { scene } = await prepare(
    ...(['corine', caseFile('x_20_24.npy'), '--bands-last', '--labels', 'corine.npy'] as const),
    ...['--labels-nodata', '-1', '--map-classes', 'auto', '--class', 'Urban', '--class', 'Crops', '--class', 'Sea'],
  );
  assert.deepEqual(
    scene.classes.map(({ name, code }) => [name, code]),
    [
      ['Urban', 111],
      ['Crops', 211],
      ['Sea', 523],
    ],
  );
  const trained = await hyperswap(
    ...['train', '--scene', 'corine', '--adapter', 'corine', '--method', 'linear-probe', '--split', '12:4'],
    ...['--patch-size', '9', '--set', 'epochs=4'],
  );
  assert.equal(trained.code, 0, trained.stderr);
  for (const given of ['corine', caseFile('x_20_24.npy')]) {
    const axes = given === 'corine' ? [] : ['--bands-last'];
    const done = await hyperswap('classify', '--scene', given, ...axes, '--adapter', 'corine', '--out', 'codes');
    assert.equal(done.code, 0, done.stderr);
    const map = [...(await readMap(path.join(workspace.directory, 'codes', 'labels.tif')))].map(Number);
    assert.deepEqual(
      [...new Set(map)].sort((a, b) => a - b),
      corine,
    );
    const style = readFileSync(path.join(workspace.directory, 'codes', 'labels.qml'), 'utf8');
    assert.match(style, /value="523" color="#[0-9a-f]{6}" alpha="255" label="Sea"/);
  }
  const drawn = await hyperswap('scenes', 'quicklook', 'corine', '--out', 'q.png', '--map', 'codes/labels.tif');
  assert.equal(drawn.code, 0, drawn.stderr);
});

test('MATLAB files of all versions give a scene and its labels by path', async () => {
  const int64 = await prepare('int64', caseFile('int64.mat'), '--labels', ':gt');
  const same: [string, ...string[]][] = [
    ['struct', `${caseFile('struct.mat')}:hsi.Data`, '--labels', ':hsi.groundTruth'],
    ['struct-option', caseFile('struct.mat'), '--variable', 'hsi.Data', '--labels', ':hsi.groundTruth'],
    ['v73', caseFile('v73.mat'), '--labels', ':gt'],
  ];
  for (const [name, ...args] of same) {
    const { scene, labels } = await prepare(name, ...args);
    assert.equal(scene.pcaDigest, int64.scene.pcaDigest, name);
    assert.deepEqual(labels, int64.labels, name);
  }
  const maps = caseFile('two_label_maps.mat');
  const given = ['--labels', `train=${maps}:TR`, '--labels', `test=${maps}:TE`];
  const { scene } = await prepare('two-maps', caseFile('cube.mat'), ...given);
  const [train, both] = [await labelsOf(services, scene, 'train'), await labelsOf(services, scene, '')];
  assert.deepEqual(both, int64.labels);
  assert.ok(train.some((label) => label > 0) && train.some((label, pixel) => label !== both[pixel]));
  assert.match(await refused(caseFile('cube.mat'), '--labels', maps), /TR \[20, 20\] u1; TE \[20, 20\] u1/);
});

test('bands first are turned by the option, of files to prepare and to classify, and asked for where sizes do not tell', async () => {
  const labels = ['--labels', caseFile('bands_last_labels.npy')];
  const last = await prepare('bands-last', caseFile('bands_last.npy'), '--bands-last', ...labels);
  const first = await prepare('bands-first', caseFile('bands_first.npy'), '--bands-first', ...labels);
  assert.equal(first.scene.pcaDigest, last.scene.pcaDigest);
  const trained = await hyperswap(
    ...['train', '--scene', 'bands-first', '--adapter', 'bands', '--method', 'linear-probe', '--split', '12:4'],
    ...['--patch-size', '9', '--set', 'epochs=4'],
  );
  assert.equal(trained.code, 0, trained.stderr);
  const mapOf = async (file: string, axes: string): Promise<readonly number[]> => {
    const out = `map${axes}`;
    const done = await hyperswap('classify', '--scene', caseFile(file), axes, '--adapter', 'bands', '--out', out);
    assert.equal(done.code, 0, done.stderr);
    return [...(await readMap(path.join(workspace.directory, out, 'labels.tif')))].map(Number);
  };
  assert.deepEqual(await mapOf('bands_first.npy', '--bands-first'), await mapOf('bands_last.npy', '--bands-last'));
  await writeFile(path.join(workspace.directory, 'cubic.npy'), npy([14, 14, 14], new Float32Array(14 ** 3)));
  assert.match(await refused('cubic.npy'), /Choose one of the two.*--bands-first or --bands-last/);
});
