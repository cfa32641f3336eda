/** Choice of the precision that a backbone is served in. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  backboneConfigs,
  encoderShapes,
  initialParameters,
  int8ErrorLimit,
  makeBackbone,
  type Backbone,
} from '@hyperswap/spectralgpt';
import { Executor, type ProgramClient } from '@hyperswap/tensor';
import type { TileProgram } from '@hyperswap/tile-inference';
import { loadTileEngine } from '../support/tile-engine.js';

const config = { ...backboneConfigs.mini, width: 64, heads: 2, depth: 2 };
let executor: Executor;
let engine: ProgramClient<TileProgram>;

before(async () => {
  executor = new Executor();
  engine = await loadTileEngine(executor);
});

after(() => executor.stop());

/**
 * Returns a backbone whose tokens have one channel of large values, which no layer uses: the scale of a token in int8
 * leaves nothing of the others.
 */
function backboneWithOutliers(): Backbone {
  const weights = initialParameters(encoderShapes(config), 1);
  const change = (name: string, use: (values: Float32Array) => void): void => {
    const tensor = weights.get(name)!;
    const values = Float32Array.from(tensor.values as Float32Array);
    use(values);
    weights.set(name, { ...tensor, values });
  };
  change('patch_embed.proj.weight', (values) => {
    for (let i = 0; i < values.length / config.width; i++) values[i]! *= 3000;
  });
  for (let block = 0; block < config.depth; block++) {
    for (const layer of ['attn.q', 'attn.k', 'attn.v', 'mlp.fc1']) {
      change(`blocks.${block}.${layer}.weight`, (values) => {
        values.forEach((value, i) => (values[i] = i % config.width === 0 ? 0 : 400 * value));
      });
    }
  }
  change('norm.weight', (values) => (values[0] = 0));
  return makeBackbone('outliers', config, weights);
}

test('int8 tells its error on a backbone, in two programs the same', async () => {
  const backbone = makeBackbone('usual', config, initialParameters(encoderShapes(config), 1));
  const { precision, int8Error } = await engine.call('makeResident', { backbone, precision: 'int8' });
  assert.equal(precision, 'int8');
  assert.ok(int8Error! > 0.0005 && int8Error! < int8ErrorLimit, `${int8Error}`);
  const other = new Executor();
  try {
    const program = await loadTileEngine(other);
    const again = await program.call('makeResident', { backbone, precision: 'int8' });
    assert.equal(again.int8Error, int8Error);
  } finally {
    await other.stop();
  }
});

test('auto does not serve a backbone in int8 whose features would suffer; who asks for int8 gets it', async () => {
  const backbone = backboneWithOutliers();
  const asked = await engine.call('makeResident', { backbone, precision: 'int8' });
  assert.equal(asked.precision, 'int8');
  assert.ok(asked.int8Error! > int8ErrorLimit, `${asked.int8Error}`);
  const chosen = await engine.call('makeResident', { backbone, precision: 'auto' });
  assert.notEqual(chosen.precision, 'int8');
});

test('auto does not take int8 for a backbone that is not served: nobody has measured its error', async () => {
  assert.notEqual(await engine.call('precisionOf', { choice: 'auto' }), 'int8');
  assert.equal(await engine.call('precisionOf', { choice: 'int8' }), 'int8');
});
