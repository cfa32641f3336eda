/**
 * Share of the time from a prepared tile to labels that is not spent in the blocks: gathering patches, resizing,
 * embedding, pooling, head and copies. A backbone of one block and one of three tell both parts.
 *
 *   node tests/dist/bench/outside-blocks.js
 */
import { Binding, readAdapter } from '@hyperswap/adapter';
import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import {
  backboneConfigs,
  encoderShapes,
  initialParameters,
  makeBackbone,
  makeResident,
  releaseResident,
  residentBackbone,
  servingPrecision,
  type BackboneConfig,
} from '@hyperswap/spectralgpt';
import { loadTensorFlow, type NumberFormat } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { madeUpBlob } from '../support/made-up-adapter.js';
import { classifySome } from './classify-square.js';

const tf = loadTensorFlow();
const [bands, classes, patchSize, side, rounds] = [200, 16, 15, 64, 12];
const method = findMethod('linear-probe');

/** Milliseconds of the fastest batch. */
function fastestBatch(config: BackboneConfig, format: NumberFormat, batch: number): number {
  const backbone = makeBackbone('bench', config, initialParameters(encoderShapes(config), 1));
  const pca = { mean: new Float32Array(bands), components: new Float32Array(config.components * bands) };
  const owner = { backbone: { name: 'bench', digest: backbone.digest }, patchSize, bands, classes, seed: 1 };
  const adaptation = { method, settings: methodSettings(method, adaptedWeight(config), {}) };
  const blob = madeUpBlob({ ...owner, pcaDigest: 'a'.repeat(64) }, adaptation, config, pca);
  const precision = servingPrecision(format);
  makeResident(backbone, precision);
  const binding = new Binding('bench', readAdapter('bench', blob), residentBackbone(backbone.digest, precision));
  const stride = side + patchSize - 1;
  const scores = new Random(1).normals(stride ** 2 * config.components, 1);
  const pixels = tf.tidy(() => binding.fromScores(tf.tensor2d(scores, [stride ** 2, config.components])));
  let fastest = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    classifySome(binding, pixels, { side, patchSize }, 0, batch);
    fastest = Math.min(fastest, performance.now() - start);
  }
  pixels.dispose();
  binding.dispose();
  releaseResident(backbone.digest, precision);
  return fastest;
}

for (const [size, batch] of [
  ['base', 32],
  ['mini', 128],
] as const) {
  const config = backboneConfigs[size];
  for (const format of ['int8', 'bfloat16'] as const) {
    const [one, three] = [1, 3].map((depth) => fastestBatch({ ...config, depth }, format, batch)) as [number, number];
    const block = (three - one) / 2;
    const outside = one - block;
    const whole = outside + config.depth * block;
    const share = `${((100 * outside) / whole).toFixed(1)} % outside the blocks`;
    console.log(`${size} ${format}: a block ${block.toFixed(1)} ms, a batch ${whole.toFixed(0)} ms, ${share}`);
  }
}
