import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  classifyDiffusedInThread,
  classifyLogits,
  diffuse,
  SpectralEdges,
  walkEnds,
  walkEndsInThread,
} from '@hyperswap/map';
import { Random } from '@hyperswap/random';
import { blockOf, splitByBlocks } from '@hyperswap/splits';
import { beyondGuard } from '@hyperswap/trainer';

const [height, width, bands] = [14, 11, 3];
const random = new Random(3);
const scene = Float32Array.from({ length: height * width * bands }, () => random.normal());
const edges = SpectralEdges.of({ height, width }, scene, bands);

function valuesOf(planes: number): Float32Array {
  return Float32Array.from({ length: height * width * planes }, () => random.normal());
}

test('reach 0 gives every value back bit by bit, and leaves walks where they begin', () => {
  const values = valuesOf(2);
  assert.deepEqual(diffuse(values, edges, { reach: 0 }), values);
  assert.deepEqual(walkEnds([5], edges, { reach: 0 }), [{ pixels: Int32Array.of(5), weights: Float32Array.of(1) }]);
});

test('a linear head on diffused features has the diffused logits of the features', () => {
  const [features, classes] = [5, 3];
  const values = valuesOf(features);
  const weight = Float32Array.from({ length: classes * features }, () => random.normal());
  const bias = Float32Array.from({ length: classes }, () => random.normal());
  const head = (rows: Float32Array): Float32Array =>
    Float32Array.from({ length: height * width * classes }, (_, place) => {
      const [pixel, label] = [Math.floor(place / classes), place % classes];
      let sum = bias[label]!;
      for (let f = 0; f < features; f++) sum += weight[label * features + f]! * rows[pixel * features + f]!;
      return sum;
    });
  const first = head(diffuse(values, edges, { reach: 3 }));
  const after = diffuse(head(values), edges, { reach: 3 });
  first.forEach((logit, place) => assert.ok(Math.abs(logit - after[place]!) < 1e-3, `${logit} and ${after[place]!}`));
});

test('walks end where diffusion takes values from, also in another thread', async () => {
  const values = valuesOf(1);
  const pixels = [0, 40, height * width - 1];
  const whole = diffuse(values, edges, { reach: 2 });
  const ends = walkEnds(pixels, edges, { reach: 2 });
  assert.deepEqual(await walkEndsInThread(pixels, edges, { reach: 2 }), ends);
  for (const [place, { pixels: reached, weights }] of ends.entries()) {
    const mean = reached.reduce((sum, pixel, i) => sum + weights[i]! * values[pixel]!, 0);
    assert.ok(Math.abs(mean - whole[pixels[place]!]!) < 2e-3, `${mean} and ${whole[pixels[place]!]!}`);
    assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-5);
  }
});

test('diffused logits are classified in another thread as in this one', async () => {
  const logits = valuesOf(4);
  for (const reach of [0, 2]) {
    const here = classifyLogits(diffuse(logits, edges, { reach }), 4);
    assert.deepEqual(await classifyDiffusedInThread(logits, 4, edges, { reach }), here);
  }
});

test('the class of logits is that of the largest one, with its probability in 255ths', () => {
  const { labels, confidence, probabilities } = classifyLogits(Float32Array.of(0, Math.log(3), 500, 499.9), 2);
  assert.deepEqual([...labels], [2, 1]);
  assert.deepEqual([...probabilities], [64, 191, 134, 121]);
  assert.deepEqual([...confidence], [191, 134]);
});

test('no walk crosses pixels that are cut away, nor goes from one region to another', () => {
  const apart = SpectralEdges.of({ height, width }, scene, bands);
  const { meanDistance } = apart;
  apart.keepMeanDistance();
  apart.cut(Uint8Array.from({ length: height * width }, (_, pixel) => Number(pixel % width !== 5)));
  assert.equal(apart.meanDistance, meanDistance);
  const [left] = walkEnds([3], apart, { reach: 20 });
  assert.ok(left!.pixels.length > 10 && left!.pixels.every((pixel) => pixel % width < 5));
  const regions = Uint8Array.from({ length: height * width }, (_, pixel) =>
    Number(pixel % width < 4 && pixel < 4 * width),
  );
  const separated = SpectralEdges.from(edges.values());
  separated.separate(regions);
  const [inner, outer] = walkEnds([width + 1, 9], separated, { reach: 20 });
  assert.equal(inner!.pixels.length, 16);
  assert.ok(inner!.pixels.every((pixel) => regions[pixel] === 1));
  assert.ok(outer!.pixels.length > 50 && outer!.pixels.every((pixel) => regions[pixel] === 0));
});

test('no walk of a measurement gets from the land of training pixels to that of test pixels, nor back', async () => {
  const shape = { height: 40, width: 36 };
  const size = shape.height * shape.width;
  const labels = Uint8Array.from({ length: size }, () => 1 + random.integer(3));
  const options = { blockSize: 6, trainShare: 0.3, limit: 12, guard: 3, seed: 5 };
  const { train, test: tested } = splitByBlocks(labels, shape.width, options);
  assert.ok(train.length > 0 && tested.length > 0);
  const beyond = await beyondGuard(shape, options.blockSize, train, tested);
  assert.ok(tested.every((pixel) => beyond[pixel] === 1) && train.every((pixel) => beyond[pixel] === 0));
  const flat = SpectralEdges.of(shape, new Float32Array(size), 1);
  flat.separate(beyond);
  const trainBlocks = new Set(train.map((pixel) => blockOf(pixel, shape.width, options.blockSize)));
  const ends = walkEnds(train, flat, { reach: 30 });
  assert.ok(ends.every(({ pixels }) => pixels.every((pixel) => beyond[pixel] === 0)));
  const inBand = ends.some(({ pixels }) => pixels.some((pixel) => !trainBlocks.has(blockOf(pixel, shape.width, 6))));
  assert.ok(inBand, 'training pixels see the guard band');
  for (const { pixels } of walkEnds(tested.slice(0, 200), flat, { reach: 30 })) {
    assert.ok(
      pixels.every((pixel) => beyond[pixel] === 1),
      'a test pixel gets nothing from the band or behind it',
    );
  }
  const whole = SpectralEdges.of(shape, new Float32Array(size), 1);
  const reached = walkEnds(train, whole, { reach: 30 }).some(({ pixels }) =>
    pixels.some((pixel) => beyond[pixel] === 1),
  );
  assert.ok(reached, 'without the separation they do');
});
