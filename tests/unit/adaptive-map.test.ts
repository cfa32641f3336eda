/** Adaptive maps: interpolation between classified pixels, the choice of pixels, and the measured agreement. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agreementOf, Refinement, type RefinementOptions } from '@hyperswap/map';
import { Random } from '@hyperswap/random';

/** A model's answers for a window. */
interface Exact {
  readonly labels: Uint8Array;
  /** `[pixels, classes]`, 255ths. */
  readonly probabilities: Uint8Array;
}

const size = { height: 60, width: 50, classes: 4 };
const pixels = size.height * size.width;
const defaults: RefinementOptions = { ...size, chosen: undefined, agreement: 0.99, sampleShare: 0.05, seed: 1 };

/** Returns smooth probabilities: each class is likely around its centres. */
function fields(softness = 3): Exact {
  const random = new Random(3);
  const centres = Array.from({ length: 3 * size.classes }, (_, index) => ({
    label: index % size.classes,
    row: size.height * random.uniform(),
    column: size.width * random.uniform(),
  }));
  return exactOf((pixel) => {
    const scores = new Array<number>(size.classes).fill(-Infinity);
    for (const { label, row, column } of centres) {
      const distance = Math.hypot(Math.floor(pixel / size.width) - row, (pixel % size.width) - column);
      scores[label] = Math.max(scores[label]!, -distance / softness);
    }
    return scores;
  });
}

/** Returns answers of scores of each class. */
function exactOf(scores: (pixel: number) => readonly number[]): Exact {
  const labels = new Uint8Array(pixels);
  const probabilities = new Uint8Array(pixels * size.classes);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const own = scores(pixel);
    const powers = own.map((score) => Math.exp(score - Math.max(...own)));
    const sum = powers.reduce((total, power) => total + power, 0);
    labels[pixel] = 1 + powers.indexOf(Math.max(...powers));
    probabilities.set(
      powers.map((power) => Math.round((255 * power) / sum)),
      pixel * size.classes,
    );
  }
  return { labels, probabilities };
}

/** Refines to the end. @returns the map, and the pixels that the model classified */
function refine(exact: Exact, options: Partial<RefinementOptions> = {}) {
  const refinement = new Refinement({ ...defaults, ...options });
  const asked: number[] = [];
  for (let wanted = refinement.next(); wanted !== undefined; wanted = refinement.next()) {
    asked.push(...wanted);
    const probabilities = [...wanted].flatMap((pixel) => [
      ...exact.probabilities.subarray(pixel * size.classes, (pixel + 1) * size.classes),
    ]);
    refinement.add(
      wanted,
      wanted.map((pixel) => exact.labels[pixel]!) as unknown as Uint8Array,
      Uint8Array.from(probabilities),
    );
  }
  return { ...refinement.result(), asked };
}

function shareOfEqual(a: Uint8Array, b: Uint8Array): number {
  return a.filter((label, pixel) => label === b[pixel]).length / a.length;
}

describe('adaptive maps', () => {
  test('a map of fields has the wanted agreement with far fewer pixels classified, and says how many', () => {
    const exact = fields();
    for (const agreement of [0.95, 0.99]) {
      const { labels, counts, asked } = refine(exact, { agreement });
      assert.ok(shareOfEqual(labels, exact.labels) >= agreement, `${shareOfEqual(labels, exact.labels)}`);
      assert.ok(counts.classified < 0.45 * pixels, `${counts.classified} of ${pixels}`);
      assert.equal(counts.classified, asked.length);
      assert.equal(new Set(asked).size, asked.length, 'no pixel is classified twice');
      const { value, low, high } = agreementOf(counts);
      assert.ok(low <= shareOfEqual(labels, exact.labels) && value >= low && value <= high);
    }
  });

  test('more agreement costs more pixels', () => {
    const shares = [0.95, 0.99, 0.999].map((agreement) => refine(fields(), { agreement }).counts.classified);
    assert.ok(shares[0]! < shares[1]! && shares[1]! < shares[2]!, shares.join());
  });

  test('where no pixel tells about its neighbours, nearly all are classified', () => {
    const random = new Random(5);
    const noise = exactOf(() => Array.from({ length: size.classes }, () => 3 * random.normal()));
    const { labels, counts } = refine(noise);
    assert.ok(counts.classified > 0.9 * pixels, `${counts.classified}`);
    assert.ok(shareOfEqual(labels, noise.labels) > 0.97);
  });

  test('classified pixels keep the answers of the model, and the same seed gives the same map', () => {
    const exact = fields();
    const [first, second] = [refine(exact), refine(exact)];
    assert.deepEqual(first, second);
    assert.notDeepEqual(refine(exact, { seed: 2 }).asked, first.asked);
    for (const pixel of first.asked) {
      assert.equal(first.labels[pixel], exact.labels[pixel]);
      const own = first.probabilities.subarray(pixel * size.classes, (pixel + 1) * size.classes);
      assert.deepEqual(own, exact.probabilities.subarray(pixel * size.classes, (pixel + 1) * size.classes));
      assert.equal(first.confidence[pixel], own[exact.labels[pixel]! - 1]);
    }
  });

  test('pixels without data are not classified, and islands of data are', () => {
    const exact = fields();
    // A disc, and a single pixel far from it.
    const chosen = Int32Array.from({ length: pixels }, (_, pixel) => pixel).filter((pixel) => {
      const [row, column] = [Math.floor(pixel / size.width), pixel % size.width];
      return Math.hypot(row - 20, column - 20) < 15 || (row === 55 && column === 47);
    });
    const { labels, confidence, counts, asked } = refine(exact, { chosen });
    const isChosen = new Set(chosen);
    assert.ok(asked.every((pixel) => isChosen.has(pixel)));
    assert.equal(counts.pixels, chosen.length);
    for (let pixel = 0; pixel < pixels; pixel++) {
      if (isChosen.has(pixel)) assert.ok(labels[pixel]! > 0);
      else assert.deepEqual([labels[pixel], confidence[pixel]], [0, 0]);
    }
    const right = chosen.filter((pixel) => labels[pixel] === exact.labels[pixel]).length;
    assert.ok(right / chosen.length >= 0.98, `${right / chosen.length}`);
  });

  test('windows of one row, one pixel and no data come to an end', () => {
    for (const [height, width] of [
      [1, 50],
      [50, 1],
      [1, 1],
      [2, 2],
    ] as const) {
      const exact = { labels: new Uint8Array(pixels).fill(2), probabilities: new Uint8Array(pixels * 4).fill(60) };
      const { labels, counts } = refine(exact, { height, width });
      assert.deepEqual([labels.length, counts.pixels], [height * width, height * width]);
      assert.ok(labels.every((label) => label > 0));
    }
    const none = refine(fields(), { chosen: new Int32Array(0) });
    assert.deepEqual([none.asked.length, none.counts.pixels], [0, 0]);
    assert.equal(agreementOf(none.counts).value, 1);
  });

  test('a model of one class needs no more than the grid and the sample', () => {
    const refinement = new Refinement({ ...defaults, classes: 1 });
    const first = refinement.next()!;
    const ones = new Uint8Array(first.length).fill(1);
    refinement.add(first, ones, new Uint8Array(first.length).fill(255));
    assert.equal(refinement.next(), undefined);
    assert.ok(refinement.result().labels.every((label) => label === 1));
  });

  test('the interval is Wilson’s', () => {
    // statsmodels 0.14: proportion_confint(2, 100, method="wilson") gives 0.0055 to 0.0700.
    const counts = { pixels: 1000, classified: 600, interpolated: 500, sampled: 100, wrong: 2 };
    const { value, low, high } = agreementOf(counts);
    assert.ok(Math.abs(value - (1 - 0.4 * 0.02)) < 1e-12);
    assert.ok(Math.abs(low - (1 - 0.4 * 0.07)) < 1e-4, `${low}`);
    assert.ok(Math.abs(high - (1 - 0.4 * 0.0055)) < 1e-4, `${high}`);
  });
});
