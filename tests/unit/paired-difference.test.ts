import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairedDifference, type PairedFold } from '@hyperswap/map';
import { Random } from '@hyperswap/random';

/**
 * Blocks of ten pixels; in each the first classification has `gain` more right ones than the second, which has five.
 */
function fold(gains: readonly number[]): PairedFold {
  const labels = new Uint8Array(10 * gains.length).fill(1);
  const right = (count: number, i: number): number => (i % 10 < count ? 1 : 2);
  return {
    blocks: Array.from(labels, (_, i) => Math.floor(i / 10)),
    labels,
    first: Uint8Array.from(labels, (_, i) => right(5 + gains[Math.floor(i / 10)]!, i)),
    second: Uint8Array.from(labels, (_, i) => right(5, i)),
  };
}

test('the difference is the mean over the folds, and the same everywhere leaves no doubt', () => {
  const { difference, low, high, folds, blocks } = pairedDifference([fold([1, 1, 1]), fold([3, 3, 3])]);
  for (const value of [difference, low, high]) assert.ok(Math.abs(value - 0.2) < 1e-12, String(value));
  assert.deepEqual([folds, blocks], [2, 3]);
});

test('a difference that one block makes is doubtful, one that most blocks make is not', () => {
  const one = pairedDifference([fold([5, 0, 0, 0, 0, 0, 0, 0])]);
  assert.ok(one.low === 0 && one.high > one.difference, JSON.stringify(one));
  const most = pairedDifference([fold([2, 1, 2, 1, 2, 1, 2, -1])]);
  assert.ok(most.low > 0, JSON.stringify(most));
});

test('the interval is as wide as the deviation of the blocks’ means tells', () => {
  const random = new Random(2);
  const gains = Array.from({ length: 200 }, () => Math.floor(random.uniform() * 5) - 2);
  const { difference, low, high } = pairedDifference([fold(gains)]);
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / 2000;
  const deviation = Math.sqrt(gains.reduce((sum, gain) => sum + (gain / 10 - mean) ** 2, 0) / 200 / 200);
  assert.ok(Math.abs(difference - mean) < 1e-12);
  assert.ok(Math.abs((high - low) / (2 * 1.96 * deviation) - 1) < 0.1, `${high - low} and ${deviation}`);
});

test('an interval is the same each time', () => {
  assert.deepEqual(pairedDifference([fold([1, 0, 3])]), pairedDifference([fold([1, 0, 3])]));
});

test('the average accuracy counts a rare class as much as a common one', () => {
  const common = fold([0, 0, 0, 0]);
  const labels = Uint8Array.from([...common.labels, ...new Array<number>(4).fill(3)]);
  const paired = pairedDifference([
    {
      blocks: [...common.blocks, 0, 1, 2, 3],
      labels,
      first: Uint8Array.from([...common.first, 3, 3, 3, 3]),
      second: Uint8Array.from([...common.second, 3, 3, 1, 1]),
    },
  ]);
  assert.ok(Math.abs(paired.difference - 2 / 44) < 1e-12, String(paired.difference));
  // Two of the four rare pixels, in one of two classes.
  assert.ok(Math.abs(paired.average.difference - 1 / 4) < 1e-12, String(paired.average.difference));
  assert.ok(paired.average.low <= 1 / 4 && paired.average.high >= 1 / 4, JSON.stringify(paired.average));
});
