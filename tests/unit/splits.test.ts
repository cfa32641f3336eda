import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mcnemar } from '@hyperswap/map';
import { splitAll, splitByBlocks, splitCounts, splitFraction, splitValidation, type Split } from '@hyperswap/splits';
import { hasCode } from '../support/errors.js';

const width = 40;
const height = 30;
/** Four classes in 5 × 5 cells, and a fifth in two far corners. */
const labels = Uint8Array.from({ length: width * height }, (_, pixel) => {
  const [row, column] = [Math.floor(pixel / width), pixel % width];
  if ((row < 2 && column < 2) || (row > 27 && column > 37)) return 5;
  return 1 + ((Math.floor(row / 5) + Math.floor(column / 5)) % 4);
});
const options = { blockSize: 8, trainShare: 0.3, limit: 20, guard: 3, seed: 1 };
const place = (pixel: number): [number, number] => [Math.floor(pixel / width), pixel % width];
const shared = ({ train, test: tested }: Split): number[] => train.filter((pixel) => tested.includes(pixel));

test('blocks keep every test pixel further from the training blocks than the guard', () => {
  const split = splitByBlocks(labels, width, options);
  const blocks = new Set(
    split.train.map((pixel) =>
      place(pixel)
        .map((at) => Math.floor(at / 8))
        .join(),
    ),
  );
  assert.ok(split.train.length > 0 && split.test.length > 0);
  for (const pixel of split.test) {
    const [row, column] = place(pixel);
    for (let y = row - 3; y <= row + 3; y++) {
      for (let x = column - 3; x <= column + 3; x++) {
        assert.ok(
          !blocks.has(`${Math.floor(y / 8)},${Math.floor(x / 8)}`),
          `${row}, ${column} is near a training block`,
        );
      }
    }
  }
  assert.match(split.description, /disjoint.*guard 3/);
});

test('blocks train at most the limit of a class, have each class on the training side, and are the same for a seed', () => {
  const split = splitByBlocks(labels, width, options);
  for (const label of [1, 2, 3, 4, 5]) {
    const count = split.trainLabels.filter((own) => own === label).length;
    assert.ok(count > 0 && count <= 20, `class ${label}: ${count}`);
  }
  assert.deepEqual(splitByBlocks(labels, width, options).test, split.test);
  assert.notDeepEqual(splitByBlocks(labels, width, { ...options, seed: 2 }).train, split.train);
});

test('labels in one block make no split by blocks', () => {
  const few = labels.map((label, pixel) => (place(pixel).every((at) => at < 4) ? label : 0));
  assert.throws(() => splitByBlocks(few, width, options), hasCode('SPLIT_INVALID', /smaller blocks/));
});

test('a share of each class trains, at least one pixel of each', () => {
  const split = splitFraction(labels, 0.1, 1);
  assert.deepEqual(shared(split), []);
  for (const label of [1, 2, 3, 4, 5]) {
    const total = labels.filter((own) => own === label).length;
    const trained = split.trainLabels.filter((own) => own === label).length;
    assert.equal(trained, Math.max(1, Math.round(0.1 * total)));
  }
  assert.throws(() => splitFraction(labels, 1, 1), hasCode('SPLIT_INVALID', /between 0 and 1/));
});

test('counts of the classes are taken one by one', () => {
  const split = splitCounts(labels, [7, 6, 5, 4, 3], 1);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((label) => split.trainLabels.filter((own) => own === label).length),
    [7, 6, 5, 4, 3],
  );
  assert.throws(() => splitCounts(labels, [7, 6], 1), hasCode('SPLIT_INVALID', /5 classes and 2 counts/));
});

test('validation pixels come from the training pixels alone, in whole blocks where the split is of blocks', () => {
  for (const split of [splitFraction(labels, 0.2, 1), splitByBlocks(labels, width, { ...options, limit: 0 })]) {
    const held = splitValidation(split, width, 0.3, 1);
    assert.deepEqual(shared(held), []);
    assert.deepEqual(
      [...held.train, ...held.test].sort((a, b) => a - b),
      [...split.train],
    );
    assert.ok(held.test.every((pixel) => !split.test.includes(pixel)));
    assert.deepEqual(new Set(held.trainLabels), new Set(split.trainLabels));
  }
  const blocks = splitValidation(splitByBlocks(labels, width, { ...options, limit: 0 }), width, 0.3, 1);
  const blockOf = (pixel: number): string =>
    place(pixel)
      .map((at) => Math.floor(at / 8))
      .join();
  const trained = new Set(blocks.train.map(blockOf));
  assert.ok(blocks.test.every((pixel) => !trained.has(blockOf(pixel))));
});

test('McNemar’s test is that of the tables', () => {
  // 40 pixels only the first has right, 20 only the second: (20 − 1)² / 60 = 6.0167, p = 0.01417.
  const truth = new Uint8Array(100).fill(1);
  const first = truth.map((_, i) => (i < 40 || i >= 60 ? 1 : 2));
  const second = truth.map((_, i) => (i >= 40 ? 1 : 2));
  const { onlyFirst, onlySecond, statistic, probability } = mcnemar(truth, first, second);
  assert.deepEqual([onlyFirst, onlySecond], [40, 20]);
  assert.ok(Math.abs(statistic - 361 / 60) < 1e-12);
  assert.ok(Math.abs(probability - 0.014171) < 1e-5, String(probability));
  assert.equal(mcnemar(truth, truth, truth).probability.toFixed(6), '1.000000');
});

test('all labelled pixels train, and none is left for a test', () => {
  const split = splitAll(Uint8Array.of(0, 2, 0, 1, 2));
  assert.deepEqual(
    [split.train, [...split.trainLabels], split.test, [...split.testLabels]],
    [[1, 3, 4], [2, 1, 2], [], []],
  );
  assert.match(split.description, /all labelled pixels/);
  assert.throws(() => splitAll(new Uint8Array(4)), hasCode('SPLIT_INVALID', /no pixel has a label/));
});
