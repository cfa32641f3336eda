import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accuracyByDistance, calibrationError, distanceHistogram, reliabilityCurve, shareWithin } from '@hyperswap/map';
import { Random } from '@hyperswap/random';
import { distancesToTraining, farthestDistance, splitByMaps, splitMatchedValidation } from '@hyperswap/splits';

test('distances to the nearest training pixel are those of a search over all pairs', async () => {
  const random = new Random(3);
  for (const [height, width, count] of [
    [23, 31, 5],
    [1, 40, 2],
    [37, 1, 3],
    [12, 12, 60],
  ] as const) {
    const all = Array.from({ length: height * width }, (_, pixel) => pixel);
    const train = [...random.shuffle(Int32Array.from(all))].slice(0, count);
    const place = (pixel: number): [number, number] => [Math.floor(pixel / width), pixel % width];
    const expected = all.map((pixel) => {
      const [row, column] = place(pixel);
      return Math.min(
        ...train.map((other) => {
          const [y, x] = place(other);
          return Math.max(Math.abs(y - row), Math.abs(x - column));
        }),
      );
    });
    assert.deepEqual([...(await distancesToTraining(train, all, { height, width }))], expected);
  }
});

test('distances beyond the farthest one, and those to no training pixel, are the farthest', async () => {
  const shape = { height: 1, width: 600 };
  assert.deepEqual([...(await distancesToTraining([0], [254, 255, 256, 599], shape))], [254, 255, 255, 255]);
  assert.deepEqual([...(await distancesToTraining([], [0, 599], shape))], [farthestDistance, farthestDistance]);
});

test('accuracy by distance counts each test pixel once, in the range of its distance', () => {
  const distances = Uint8Array.of(1, 1, 2, 3, 4, 7, 8, 15, 16, 255);
  const labels = new Uint8Array(10).fill(1);
  const predictions = Uint8Array.of(1, 2, 1, 1, 2, 2, 1, 2, 1, 2);
  assert.deepEqual(accuracyByDistance(distances, labels, predictions), [
    { from: 1, to: 1, pixels: 2, correct: 1 },
    { from: 2, to: 3, pixels: 2, correct: 2 },
    { from: 4, to: 7, pixels: 2, correct: 0 },
    { from: 8, to: 15, pixels: 2, correct: 1 },
    { from: 16, to: 0, pixels: 2, correct: 1 },
  ]);
  const histogram = distanceHistogram(distances);
  assert.equal(histogram.length, 64);
  assert.deepEqual([histogram[0], histogram[1], histogram[14], histogram[15], histogram[63]], [2, 1, 1, 1, 1]);
  assert.equal(shareWithin(distances, 7), 0.6);
  assert.equal(shareWithin(distances, 0), 0);
});

test('the expected calibration error is the mean gap of confidence and accuracy', () => {
  // Ten pixels say 255 (1.0) and eight are right; ten say 51 (0.2) and two are right, as they say.
  const confidence = Uint8Array.from({ length: 20 }, (_, i) => (i < 10 ? 255 : 51));
  const labels = new Uint8Array(20).fill(1);
  const predictions = Uint8Array.from({ length: 20 }, (_, i) => (i < 8 || i >= 18 ? 1 : 2));
  const curve = reliabilityCurve(labels, predictions, confidence);
  assert.deepEqual(
    curve.map(({ confidence: mean, pixels, correct }) => [Number(mean.toFixed(6)), pixels, correct]),
    [
      [0.2, 10, 2],
      [1, 10, 8],
    ],
  );
  assert.ok(Math.abs(calibrationError(curve) - 0.1) < 1e-9);
});

test('validation pixels for a confidence are as far from training pixels as the map is', async () => {
  const shape = { height: 60, width: 60 };
  const row = (pixel: number): number => Math.floor(pixel / 60);
  const empty = new Uint8Array(3600);
  const medianOf = async (train: readonly number[], pixels: readonly number[]): Promise<number> =>
    (await distancesToTraining(train, pixels, shape)).toSorted()[pixels.length >> 1]!;
  const everywhere = Array.from({ length: 3600 }, (_, pixel) => pixel);
  // A whole field of training pixels: single ones set aside would be beside others.
  const field = empty.map((_, pixel) => (row(pixel) < 24 ? 1 + (pixel % 2) : 0));
  // Training pixels at every tenth row and column: the map is near to them.
  const sparse = empty.map((_, pixel) => (pixel % 10 === 0 && row(pixel) % 10 === 0 ? 1 + ((pixel / 10) % 2) : 0));
  for (const [labels, low, high] of [
    [field, 3, 9],
    [sparse, 10, 20],
  ] as const) {
    const split = splitByMaps({ name: 'a', labels }, { name: 'b', labels: empty });
    const held = await splitMatchedValidation(split, shape, 0.25, 1);
    const found = await medianOf(held.train, held.test);
    const wanted = await medianOf(split.train, everywhere);
    assert.ok(found >= low && found <= high, `${found} where the map has ${wanted}`);
    assert.equal(held.train.length + held.test.length, split.train.length);
    assert.deepEqual(await splitMatchedValidation(split, shape, 0.25, 1), held, 'the same for a seed');
  }
});
