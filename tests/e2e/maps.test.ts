import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';
import { checkMaps, mapTools, type FoundMap } from '../support/check-maps.js';
import { makeWorkspace, type Workspace } from '../support/command.js';
import { toyScene } from '../support/services.js';

const toy = toyScene();
const { height, width, bands } = toy;
const transform = [20, 0, 500_000, 0, -20, 4_480_000];
const always = ['confidence.png', 'confidence.tif', 'item.json', 'labels.qml', 'labels.tif', 'labels.tif.aux.xml'];
const written = [...always, 'map.json', 'map.png', 'report.html'];

interface MapSummary {
  readonly classes: readonly { readonly name: string; readonly pixels: number; readonly hectares?: number }[];
  readonly metrics?: { readonly oa: number; readonly confusion: readonly number[] };
  readonly files: readonly string[];
}

let workspace: Workspace;
let succeed: Workspace['succeed'];

/** The toy scene as an ENVI file in UTM zone 16. */
async function writeEnvi(name: string, place: string): Promise<void> {
  const header = [
    ...['ENVI', `samples = ${width}`, `lines = ${height}`, `bands = ${bands}`, 'header offset = 0'],
    ...['data type = 12', 'interleave = bip', 'byte order = 0', place],
  ];
  await writeFile(path.join(workspace.directory, `${name}.hdr`), `${header.join('\n')}\n`);
  const { buffer, byteOffset, byteLength } = toy.values;
  await writeFile(path.join(workspace.directory, `${name}.dat`), Buffer.from(buffer, byteOffset, byteLength));
}

const classify = async (scene: string, out: string, ...more: string[]): Promise<MapSummary> =>
  JSON.parse(
    await succeed('--json', 'classify', '--scene', scene, '--adapter', 'placed', '--out', out, ...more),
  ) as MapSummary;

const check = async (out: string): Promise<FoundMap> => (await checkMaps(path.join(workspace.directory, out)))[0]!;

before(async () => {
  workspace = await makeWorkspace();
  ({ succeed } = workspace);
  await writeEnvi('placed', 'map info = {UTM, 1, 1, 500000, 4480000, 20, 20, 16, North, WGS-84, units=Meters}');
  await succeed('scenes', 'prepare', 'placed.dat', '--labels', 'field-labels.npy', '--class', 'Soil & "sand"#aa7744');
  await succeed('scenes', 'prepare', 'field.npy', '--labels', 'field-labels.npy');
  const training = ['--scene', 'placed', '--adapter', 'placed', '--method', 'linear-probe', '--split', '12:4'];
  await succeed('train', ...training, '--patch-size', '9', '--set', 'epochs=4');
});

test('a map of a georeferenced scene comes with all its files, areas and accuracies', async () => {
  const more = ['--probabilities', '--polygons', '5', '--format', 'envi'];
  const { classes, metrics, files } = await classify('placed', 'all', ...more);
  const names = [...written, 'probabilities.tif', 'polygons.geojson', 'classification.dat', 'classification.hdr'];
  assert.deepEqual((await readdir(path.join(workspace.directory, 'all'))).sort(), names.sort());
  assert.deepEqual(files.map((file) => path.basename(file)).sort(), names);
  assert.equal(
    classes.reduce((sum, { pixels }) => sum + pixels, 0),
    height * width,
  );
  for (const { pixels, hectares } of classes) assert.ok(Math.abs(hectares! - pixels * 0.04) < 1e-9);
  const labelled = toy.labels.filter((label) => label > 0).length;
  assert.equal(
    metrics!.confusion.reduce((sum, count) => sum + count, 0),
    labelled,
  );
  assert.ok(metrics!.oa > 0.9, `OA ${metrics!.oa}`);
  const report = await readFile(path.join(workspace.directory, 'all', 'report.html'), 'utf8');
  assert.match(report, /Soil &amp; &quot;sand&quot;<\/td><td>\d+<\/td><td>[\d.]+ %<\/td><td>[\d.]+<\/td>/);
  assert.match(report, /WGS 84 \/ UTM zone 16N/);
});

test(
  'GDAL, rio cogeo and pystac agree with that map',
  { skip: typeof mapTools === 'string' ? mapTools : false },
  async () => {
    const { rasters, schemas, polygons } = await check('all');
    const { values, transform: found, epsg, categories, nodata, tags } = rasters['labels.tif']!;
    for (const [name, { cog }] of Object.entries(rasters)) {
      if (name.endsWith('.tif')) assert.deepEqual(cog, { valid: true, errors: [], warnings: [] }, name);
    }
    assert.deepEqual([epsg, nodata, found], [32616, 0, transform]);
    assert.deepEqual(categories, ['no data', 'Soil & "sand"', 'class 2', 'class 3']);
    assert.equal(tags.ADAPTER, 'placed@1');
    assert.equal(schemas!.length, 4);
    const labels = values[0]!.flat();
    const confidence = rasters['confidence.tif']!.values[0]!.flat();
    const probabilities = rasters['probabilities.tif']!.values.map((band) => band.flat());
    labels.forEach((label, pixel) => {
      const all = probabilities.map((band) => band[pixel]!);
      assert.equal(all[label - 1], Math.max(...all));
      assert.equal(confidence[pixel], all[label - 1]);
      assert.ok(Math.abs(all.reduce((sum, value) => sum + value, 0) - 255) <= 2, all.join(', '));
    });
    assert.deepEqual(rasters['classification.dat']!.values.flat(2), labels);
    const burnt = polygons!.values.flat();
    assert.ok(polygons!.valid && polygons!.counterclockwise);
    burnt.forEach((label, pixel) => assert.ok(label === 0 || label === labels[pixel]));
    assert.ok(burnt.filter((label) => label > 0).length > 0.9 * labels.length);
  },
);

test('a later map in the same folder takes away the files that do not fit it', async () => {
  await classify('placed', 'all');
  assert.deepEqual((await readdir(path.join(workspace.directory, 'all'))).sort(), [...written].sort());
});

test('a raw file is mapped where it lies', { skip: typeof mapTools === 'string' ? mapTools : false }, async () => {
  const { classes, metrics } = await classify('placed.dat', 'raw', '--probabilities');
  assert.equal(metrics, undefined);
  assert.ok(classes.every(({ hectares }) => hectares !== undefined));
  const { rasters } = await check('raw');
  assert.deepEqual([rasters['labels.tif']!.epsg, rasters['labels.tif']!.transform], [32616, transform]);
  const probabilities = rasters['probabilities.tif']!.values.map((band) => band.flat());
  const confidence = rasters['confidence.tif']!.values.flat(2);
  rasters['labels.tif']!.values.flat(2).forEach((label, pixel) => {
    const all = probabilities.map((band) => band[pixel]!);
    assert.deepEqual([all[label - 1], confidence[pixel]], [Math.max(...all), Math.max(...all)]);
    assert.ok(Math.abs(all.reduce((sum, value) => sum + value, 0) - 255) <= 2, all.join(', '));
  });
});

test('the map of a finished job is written with the same options', async () => {
  const [job] = JSON.parse(await succeed('--json', 'jobs', 'list')) as { status: { job: string } }[];
  await succeed('jobs', 'map', job!.status.job, '--out', 'job', '--polygons', '1', '--polygon-format', 'shp');
  assert.deepEqual(
    (await readdir(path.join(workspace.directory, 'job'))).filter((name) => name.startsWith('polygons')).sort(),
    ['cpg', 'dbf', 'prj', 'shp', 'shx'].map((ending) => `polygons.${ending}`),
  );
  await succeed('jobs', 'map', job!.status.job, '--out', 'job', '--polygons', '1', '--polygon-format', 'gpkg');
  assert.deepEqual((await readdir(path.join(workspace.directory, 'job'))).sort(), [...written, 'polygons.gpkg'].sort());
  const { stderr } = await workspace.run('jobs', 'map', job!.status.job, '--out', 'job', '--probabilities');
  assert.match(stderr, /the job did not keep probabilities/);
});

test(
  'an exported adapter comes with a STAC item of a model',
  { skip: typeof mapTools === 'string' ? mapTools : false },
  async () => {
    await succeed('adapters', 'export', 'placed', 'adapter');
    const { schemas } = await check('adapter');
    assert.ok(schemas!.some((schema) => schema.includes('mlm/v1.5.2')));
    const item = JSON.parse(await readFile(path.join(workspace.directory, 'adapter', 'item.json'), 'utf8')) as {
      assets: { model: { href: string } };
      properties: { 'mlm:input': { input: { shape: number[] } }[]; 'mlm:output': { result: { shape: number[] } }[] };
    };
    assert.equal(item.assets.model.href, './adapter.safetensors');
    assert.deepEqual(item.properties['mlm:input'][0]!.input.shape, [-1, 9, 9, bands]);
    assert.deepEqual(item.properties['mlm:output'][0]!.result.shape, [-1, 3]);
  },
);

test('what cannot be written is refused with the reason, before anything is classified', async () => {
  const refuse = async (...given: string[]): Promise<string> => {
    const { code, stderr } = await workspace.run('classify', '--adapter', 'placed', '--out', 'refused', ...given);
    assert.notEqual(code, 0);
    return stderr;
  };
  assert.match(await refuse('--scene', 'field', '--polygons', '1'), /map of field has no georeference/);
  assert.match(await refuse('--scene', 'placed', '--polygons', '0'), /--polygons.*at least 1 pixel/);
  assert.match(await refuse('--scene', 'placed', '--format', 'bmp'), /Allowed choices are tif, envi/);
  await writeEnvi(
    'mars',
    'map info = {Arbitrary, 1, 1, 0, 0, 20, 20}\ncoordinate system string = {PROJCS["Mars",GEOGCS["Mars 2000",DATUM["D",SPHEROID["S",3396190,169.8]],PRIMEM["P",0],UNIT["Degree",0.0174532925199433]],PROJECTION["Cheese_Wheel"],UNIT["Meter",1]]}',
  );
  await succeed('scenes', 'prepare', 'mars.dat');
  assert.match(await refuse('--scene', 'mars', '--polygons', '1'), /reference system Mars is not known/);
});
