/** A product in the geometry of its sensor (EMIT L2A): labels come from a map, and the classified map goes back there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Scene } from '@hyperswap/proto';
import { makeWorkspace, type Workspace } from '../support/command.js';
import { labelFixture } from '../support/fixtures.js';
import { readRaster } from '../support/rasters.js';
import { labelsOf, startServices, type Services } from '../support/services.js';

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

test('the map of a raw file is placed by the lookup table, each cell with the label of its pixel', async () => {
  await succeed(
    ...['train', '--scene', 'emit', '--adapter', 'emit', '--method', 'linear-probe', '--split', '12:4'],
    ...['--patch-size', '5', '--set', 'epochs=4'],
  );
  const mapOf = async (scene: string, out: string) => {
    await succeed('classify', '--scene', scene, '--adapter', 'emit', '--out', out);
    return readRaster(path.join(workspace.directory, out, 'labels.tif'), { content: 'labels' });
  };
  const inSensor = await mapOf('emit', 'sensor');
  assert.deepEqual([inSensor.info.height, inSensor.info.width], [24, 30]);
  const placed = await mapOf(labelFixture('emit.nc'), 'placed');
  assert.deepEqual([placed.info.height, placed.info.width, placed.info.crs?.epsg], [40, 44, 4326]);
  const [a, b, c, d, e, f] = placed.info.transform!;
  [a, b, c, d, e, f].forEach((value, i) => {
    assert.ok(Math.abs(value - [0.0005, 0, 10.5, 0, -0.0005, 50.25][i]!) < 1e-12);
  });
  const expected = emit.rows.flatMap((rows, y) =>
    rows.map((row, x) => (row < 0 ? 0 : inSensor.values[row * 30 + emit.columns[y]![x]!]!)),
  );
  assert.deepEqual([...placed.values], expected);
  assert.equal(new Set(expected).size, 4);
});
