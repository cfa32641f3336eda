import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import { backboneConfigs, encoderShapes, initialParameters, makeBackbone } from '@hyperswap/spectralgpt';
import { Executor, type ProgramClient } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { PatchQueue, type TileProgram } from '@hyperswap/tile-inference';
import { hasCode } from '../support/errors.js';
import { madeUpBlob, madeUpMetadata } from '../support/made-up-adapter.js';

const config = { ...backboneConfigs.mini, depth: 1 };
const patchSize = 5;
const halo = 2;
const side = 12;

let executor: Executor;
let engine: ProgramClient<TileProgram>;

const backbone = makeBackbone('one block', config, initialParameters(encoderShapes(config), 1));
const { name, digest } = backbone;
const made = {
  backbone: { name, digest },
  patchSize,
  bands: config.components,
  pcaDigest: '0'.repeat(64),
  classes: 3,
  seed: 1,
};
const method = findMethod('linear-probe');
const settings = methodSettings(method, adaptedWeight(config), {});
const adapter = {
  reference: 'a@1',
  digest: 'a',
  metadata: madeUpMetadata({ ...made, method: method.name, settings: {} }),
  components: config.components,
  bindMilliseconds: 0,
};

before(async () => {
  executor = new Executor();
  engine = await executor.load<TileProgram>(
    new URL('./engine/program.js', import.meta.resolve('@hyperswap/tile-inference')),
  );
  await engine.call('makeResident', { backbone, precision: 'float32' });
  const pca = {
    mean: new Float32Array(made.bands),
    components: new Float32Array(config.components * made.bands).fill(0.1),
  };
  const blob = madeUpBlob(made, { method, settings }, config, pca);
  const { reference, digest } = adapter;
  await engine.call('bind', { reference, digest, blob, backboneDigest: backbone.digest, precision: 'float32' });
});

after(() => executor.stop());

const tile = () => {
  const { components } = config;
  const pixels = new Random(2).normals((side + 2 * halo) ** 2 * components, 1).buffer as ArrayBuffer;
  return {
    adapter,
    pixels,
    pixelType: 'float32' as const,
    raw: false,
    bands: components,
    height: side,
    width: side,
    margins: { top: halo, left: halo, bottom: halo, right: halo },
    probabilities: false,
  };
};

const live = async (): Promise<number> => (await executor.describe()).liveTensors;

test('when a tile’s labels are there nothing of it is left on the device', async () => {
  const before = await live();
  const queue = new PatchQueue(engine, 100, 10_000);
  for (let round = 0; round < 10; round++) {
    const { labels } = await queue.classify(tile(), new AbortController().signal);
    assert.equal(labels.length, side * side);
    assert.equal(await live(), before);
  }
});

test('a tile that is cancelled between its batches is freed, and the others go on', async () => {
  const before = await live();
  const queue = new PatchQueue(engine, 10, 10_000);
  const cancelled = new AbortController();
  const [first, second] = [
    queue.classify(tile(), cancelled.signal),
    queue.classify(tile(), new AbortController().signal),
  ];
  setTimeout(() => cancelled.abort(), 1);
  await assert.rejects(first, hasCode('CANCELLED'));
  const { labels } = await second;
  assert.deepEqual(labels, (await queue.classify(tile(), new AbortController().signal)).labels);
  assert.equal(await live(), before);
  assert.equal(queue.waiting, 0);
});
