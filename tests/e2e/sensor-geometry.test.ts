/**
 * A product in the geometry of its sensor (EMIT L2A): labels come from a map, and the classified map goes back there.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Scene } from '@hyperswap/proto';
import { callUnary, exchange } from '@hyperswap/rpc';
import { makeWorkspace, type Workspace } from '../support/command.js';
import { hasCode } from '../support/errors.js';
import { labelFixture } from '../support/fixtures.js';
import { readRaster } from '../support/rasters.js';
import { sceneHeader } from '../support/uploads.js';
import { labelsOf, rasterInfo, readMapOf, startServices, type Services } from '../support/services.js';

/** Written by `tests/parity/write_label_fixtures.py`: labelled pixels, and the pixel of each cell of the map. */
const emit = JSON.parse(readFileSync(labelFixture('emit.json'), 'utf8')) as {
  readonly pixels: number[][];
  readonly rows: number[][];
  readonly columns: number[][];
};
let services: Services;
let workspace: Workspace;

before(async () => {
  // Maps are compared pixel by pixel: bfloat16 would round scores apart that differ in the last bit of float32.
  services = await startServices({ precision: 'float32' });
  workspace = await makeWorkspace();
});

after(() => services.stop());

const succeed = (...args: string[]): Promise<string> =>
  workspace.succeed('--endpoint', services.host.server.endpoint, '--json', ...args);

test('shapes and rasters on the map label the pixels that the lookup table places there', async () => {
  for (const labels of ['emit.geojson', 'emit_map_labels.npy']) {
    const given = ['--name', 'emit', '--replace', '--labels', labelFixture(labels)];
    const scene = JSON.parse(await succeed('scenes', 'prepare', labelFixture('emit.nc'), ...given)) as Scene;
    assert.deepEqual([...(await labelsOf(services, scene, ''))], emit.pixels.flat(), labels);
  }
});

test('maps of raw files and of prepared scenes are placed by the lookup table, each cell with the values of its pixel', async () => {
  await succeed(
    ...['train', '--scene', 'emit', '--adapter', 'emit', '--method', 'linear-probe', '--split', '12:4'],
    ...['--patch-size', '5', '--set', 'epochs=4'],
  );
  const mapOf = async (scene: string, out: string) => {
    await succeed('classify', '--scene', scene, '--adapter', 'emit', '--out', out, '--probabilities');
    const [labels, confidence, probabilities] = await Promise.all(
      ['labels.tif', 'confidence.tif', 'probabilities.tif'].map((file) =>
        readRaster(path.join(workspace.directory, out, file), { content: 'labels' }),
      ),
    );
    return { labels: labels!, confidence: confidence!, probabilities: probabilities! };
  };
  const prepared = await mapOf('emit', 'prepared');
  const summary = JSON.parse(readFileSync(path.join(workspace.directory, 'prepared', 'map.json'), 'utf8')) as {
    metrics: { oa: number };
  };
  assert.ok(summary.metrics.oa > 0.9, 'the labels of the scene are placed like its map');
  // As the service keeps it, in the geometry of the sensor.
  const { jobs } = await callUnary(services.sceneJobs, 'listSceneJobs', { pageSize: 0, pageToken: '' });
  const inSensor = (await readMapOf(services, jobs[0]!)).subarray(0, 24 * 30);
  const expected = emit.rows.flatMap((rows, y) =>
    rows.map((row, x) => (row < 0 ? 0 : inSensor[row * 30 + emit.columns[y]![x]!]!)),
  );
  assert.equal(new Set(expected).size, 4);
  const raw = await mapOf(labelFixture('emit.nc'), 'placed');
  for (const { labels, confidence, probabilities } of [prepared, raw]) {
    assert.deepEqual([labels.info.height, labels.info.width, labels.info.crs?.epsg], [40, 44, 4326]);
    labels.info.transform!.forEach((value, i) => {
      assert.ok(Math.abs(value - [0.0005, 0, 10.5, 0, -0.0005, 50.25][i]!) < 1e-12);
    });
    assert.deepEqual([...labels.values], expected);
    expected.forEach((label, cell) => {
      const wanted = label === 0 ? 0 : confidence.values[cell];
      assert.equal(probabilities.values[cell * 3 + Math.max(0, label - 1)], wanted);
    });
  }
  await succeed('jobs', 'map', jobs[0]!.status!.job, '--out', 'job');
  const again = await readRaster(path.join(workspace.directory, 'job', 'labels.tif'), { content: 'labels' });
  assert.deepEqual([...again.values], expected);
});

test('the mask of the product hides pixels from the PCA, the labels and the map', async () => {
  const given = ['--name', 'masked', '--labels', labelFixture('emit.geojson')];
  const mask = ['--mask', labelFixture('emit_mask.nc')];
  const scene = JSON.parse(await succeed('scenes', 'prepare', labelFixture('emit.nc'), ...given, ...mask)) as Scene;
  assert.equal(scene.validPixels, 24 * 30 - 63);
  await succeed('classify', '--scene', labelFixture('emit.nc'), ...mask, '--adapter', 'emit', '--out', 'masked');
  const map = await readRaster(path.join(workspace.directory, 'masked', 'labels.tif'), { content: 'labels' });
  emit.rows.flat().forEach((row, cell) => {
    if (row === 0 || row === 1) assert.equal(map.values[cell], 0);
  });
  assert.ok(map.values.some((label) => label > 0));
});

test('a lookup table that names pixels outside the raster is refused', async () => {
  const { lookupTable } = JSON.parse(await succeed('scenes', 'show', 'emit')) as Scene;
  const size = { height: 24, width: 30, bands: 16 };
  const header = { ...sceneHeader('wrong', size), raster: rasterInfo(size), lookupTable };
  const pixels = Buffer.from(Int32Array.of(...new Array<number>(44).fill(720)).buffer);
  const requests = async function* () {
    yield { part: { $case: 'header' as const, value: header } };
    yield { part: { $case: 'lookups' as const, value: { row: 0, pixels } } };
    await Promise.resolve();
  };
  const responses = exchange(services.scenes, services.scenes.prepareScene(), requests());
  await assert.rejects(
    async () => {
      for (let done: boolean | undefined = false; done !== true;) ({ done } = await responses.next());
    },
    hasCode('FIELD_INVALID', /24 × 30 has no pixel 720/),
  );
});
