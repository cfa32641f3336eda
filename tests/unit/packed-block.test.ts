import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  backboneConfigs,
  encoderShapes,
  features,
  imageTokens,
  initialParameters,
  learningFeatures,
  makeBackbone,
  makeResident,
  releaseResident,
  residentBackbone,
  servingPrecision,
  type BackboneConfig,
} from '@hyperswap/spectralgpt';
import {
  deviceScope,
  deviceTensor,
  hasBf16Dot,
  liveTensors,
  loadTensorFlow,
  packBf16,
  packedBlock,
  packInt8,
  prefersPackedBfloat16,
  processorFlags,
  readDevice,
  type Precision,
} from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import { hasCode } from '../support/errors.js';
import { maximumDifference } from '../support/arrays.js';

before(() => {
  loadTensorFlow();
});

const values = (shape: readonly number[], seed: number) =>
  new Random(seed).normals(
    shape.reduce((a, b) => a * b),
    1,
  );

function featuresOf(config: BackboneConfig, images: Float32Array, precision: Precision): Float32Array {
  const backbone = makeBackbone('quantised', config, initialParameters(encoderShapes(config), 1));
  makeResident(backbone, precision);
  const pixels = imageTokens(images, config);
  const pooled = features(pixels, residentBackbone(backbone.digest, precision));
  const result = pooled.dataSync() as Float32Array;
  pixels.dispose();
  pooled.dispose();
  releaseResident(backbone.digest, precision);
  return Float32Array.from(result);
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Formats of packed layers, and the least cosine of their features with those in float32. */
const formats = [
  ['int8', 0.999],
  ['packed-bfloat16', 0.9999],
] as const;

// Widths and head widths that fill the kernel's panels of 64 and lanes of 16 exactly, partly, and not at all.
for (const [width, heads] of [
  [8, 2],
  [48, 3],
  [80, 2],
  [128, 2],
] as const) {
  for (const [format, least] of formats) {
    test(`features in ${format} follow those in float32, at width ${width} with ${heads} heads`, () => {
      const config = { ...backboneConfigs.mini, width, heads, depth: 2 };
      const images = values([3, config.components, config.imageSize, config.imageSize], 2);
      const [exact, rounded] = [featuresOf(config, images, 'float32'), featuresOf(config, images, format)];
      assert.ok(cosine(exact, rounded) > least, `cosine ${cosine(exact, rounded)}`);
      assert.ok(maximumDifference(exact, rounded) > 0, `${format} computed in float32`);
    });
  }
}

for (const [format] of formats) {
  test(`the features of a patch in ${format} do not depend on the other patches of its batch, to the last bit`, () => {
    const config = { ...backboneConfigs.mini, depth: 2 };
    const size = config.components * config.imageSize ** 2;
    const images = values([5, config.components, config.imageSize, config.imageSize], 3);
    // A patch of large values would change a scale that the batch shared.
    images.subarray(0, size).forEach((value, index) => (images[index] = 50 * value));
    const together = featuresOf(config, images, format);
    const width = together.length / 5;
    for (let patch = 0; patch < 5; patch++) {
      const alone = featuresOf(config, images.slice(patch * size, (patch + 1) * size), format);
      assert.deepEqual(alone, together.slice(patch * width, (patch + 1) * width));
    }
  });
}

test('a packed layer holds each weight within half a step of its output’s scale, and the product of the mean input', () => {
  const [inputs, outputs, tokens] = [10, 70, 5];
  const center = values([tokens, inputs], 6);
  const weight = values([inputs, outputs], 4);
  const bias = values([outputs], 5);
  const [packed, columns] = deviceScope(() => {
    const layer = packInt8(
      { weight: deviceTensor(weight, [inputs, outputs]), bias: deviceTensor(bias, [outputs]) },
      deviceTensor(center, [tokens, inputs]),
    );
    assert.deepEqual(layer.weight.shape, [2, 3, 64]);
    assert.deepEqual(layer.bias.shape, [2 + tokens, 128]);
    return [Int32Array.from(readDevice(layer.weight)), Float32Array.from(readDevice(layer.bias))];
  });
  const bytes = new Int8Array(packed.buffer);
  for (let output = 0; output < outputs; output++) {
    const scale = columns[output]!;
    let sum = 0;
    for (let input = 0; input < inputs; input++) {
      const group = Math.floor(output / 64) * 3 + Math.floor(input / 4);
      const quantised = bytes[(group * 64 + (output % 64)) * 4 + (input % 4)]!;
      sum += quantised;
      assert.ok(Math.abs(quantised * scale - weight[input * outputs + output]!) <= scale * 0.501);
    }
    assert.ok(Math.abs(columns[128 + output]! - scale * sum) < 1e-5);
    for (let token = 0; token < tokens; token++) {
      let expected = bias[output]!;
      for (let input = 0; input < inputs; input++)
        expected += center[token * inputs + input]! * weight[input * outputs + output]!;
      assert.ok(Math.abs(columns[(2 + token) * 128 + output]! - expected) < 1e-5);
    }
  }
});

test('a layer packed in bfloat16 holds each weight rounded to nearest, and the bias as it is', () => {
  const [inputs, outputs] = [5, 70];
  const weight = values([inputs, outputs], 4);
  const bias = values([outputs], 5);
  const [packed, columns] = deviceScope(() => {
    const layer = packBf16({ weight: deviceTensor(weight, [inputs, outputs]), bias: deviceTensor(bias, [outputs]) });
    assert.deepEqual(layer.weight.shape, [2, 3, 64]);
    return [Int32Array.from(readDevice(layer.weight)), Float32Array.from(readDevice(layer.bias))];
  });
  const halves = new Uint16Array(packed.buffer);
  const float = (half: number): number => new Float32Array(Uint32Array.of(half << 16).buffer)[0]!;
  for (let output = 0; output < outputs; output++) {
    for (let input = 0; input < 6; input++) {
      const group = Math.floor(output / 64) * 3 + Math.floor(input / 2);
      const rounded = float(halves[(group * 64 + (output % 64)) * 2 + (input % 2)]!);
      const exact = input < inputs ? weight[input * outputs + output]! : 0;
      assert.ok(Math.abs(rounded - exact) <= Math.abs(exact) / 256, `${rounded} for ${exact}`);
    }
  }
  assert.deepEqual(columns.slice(0, outputs), bias);
  assert.ok(columns.slice(outputs).every((value) => value === 0));
});

/** Largest difference of a block by the instructions of any processor from one by those of this one. */
function portableDifference(format: 'int8' | 'packed-bfloat16'): number {
  const shape = { tokens: 7, heads: 2, hidden: 72, epsilon: 1e-6 };
  const width = 20;
  const [fast, portable] = deviceScope(() => {
    const layer = (inputs: number, outputs: number, seed: number) => {
      const float = {
        weight: deviceTensor(values([inputs, outputs], seed), [inputs, outputs]),
        bias: deviceTensor(values([outputs], seed + 1), [outputs]),
      };
      if (format === 'packed-bfloat16') return packBf16(float);
      return packInt8(float, deviceTensor(values([shape.tokens, inputs], seed + 2), [shape.tokens, inputs]));
    };
    const [query, key, value, projection] = [1, 2, 3, 4].map((seed) => layer(width, width, seed));
    const layers = {
      query: query!,
      key: key!,
      value: value!,
      projection: projection!,
      first: layer(width, shape.hidden, 5),
      second: layer(shape.hidden, width, 6),
    };
    const x = deviceTensor(values([3 * shape.tokens, width], 7), [3 * shape.tokens, width]);
    return [false, true].map((way) =>
      Float32Array.from(readDevice(packedBlock(x, layers, { ...shape, portable: way }))),
    );
  });
  assert.ok(fast!.every(Number.isFinite));
  return maximumDifference(fast!, portable!);
}

test('a block in int8 gives the same to the last bit by the instructions of any processor as by those of this one', () => {
  assert.equal(portableDifference('int8'), 0);
});

test('a block in bfloat16 gives the same up to rounding of its sums', () => {
  const difference = portableDifference('packed-bfloat16');
  assert.ok(difference < 1e-3, `difference ${difference}`);
});

for (const [format] of formats) {
  test(`a backbone in ${format} leaves no tensors after its batches, nor after it was freed`, () => {
    const config = { ...backboneConfigs.mini, width: 8, heads: 2, depth: 1 };
    const images = values([config.components, config.imageSize, config.imageSize], 1);
    featuresOf(config, images, format);
    const start = liveTensors();
    for (let round = 0; round < 20; round++) featuresOf(config, images, format);
    assert.equal(liveTensors(), start);
  });

  test(`a backbone in ${format} refuses to learn`, () => {
    const config = { ...backboneConfigs.mini, width: 8, heads: 2, depth: 1 };
    const backbone = makeBackbone('packed', config, initialParameters(encoderShapes(config), 1));
    makeResident(backbone, format);
    const resident = residentBackbone(backbone.digest, format);
    const pixels = imageTokens(values([config.components, config.imageSize, config.imageSize], 1), config);
    const learned = { replaced: new Map(), updates: new Map() };
    assert.throws(() => learningFeatures(pixels, resident, { learned }), hasCode('INTERNAL', /no gradient/));
    pixels.dispose();
    releaseResident(backbone.digest, format);
  });
}

test('bfloat16 is served by our own kernel where the processor has AVX-512 BF16 and no AMX', () => {
  assert.equal(prefersPackedBfloat16(new Set(['avx512f', 'avx512_bf16'])), true);
  assert.equal(prefersPackedBfloat16(new Set(['avx512f', 'avx512_bf16', 'amx_bf16'])), false);
  assert.equal(prefersPackedBfloat16(new Set(['avx2'])), false);
  const flags = processorFlags();
  if (hasBf16Dot()) assert.ok(flags.has('avx512_bf16'), 'the addon uses an instruction that the processor has');
  const expected = prefersPackedBfloat16(flags) && hasBf16Dot() ? 'packed-bfloat16' : 'bfloat16';
  assert.equal(servingPrecision('bfloat16'), expected);
});
