import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PreparedScene } from '@hyperswap/scene';
import { Random } from '@hyperswap/random';
import { maximumDifference } from '../support/arrays.js';
import { hasCode } from '../support/errors.js';
import { fixture, type StoredValues } from '../support/fixtures.js';
import { MemoryStore } from '../support/memory-store.js';
import { writeScene, type TestScene } from '../support/scenes.js';

interface Prepared {
  readonly mean: Float32Array;
  readonly components: Float32Array;
  readonly ratio: readonly number[];
  /** `[pixels, components]` */
  readonly scores: Float32Array;
  readonly pcaDigest: string;
}

/** Prepares pixels `[pixels, bands]` and reads what became of them. */
async function prepare(
  values: TestScene['values'],
  bands: number,
  more: Partial<TestScene> & { readonly threads?: number } = {},
): Promise<Prepared> {
  const store = new MemoryStore();
  const pixels = values.length / bands;
  let width = 500;
  while (pixels % width > 0) width -= 1;
  const height = pixels / width;
  const { threads, ...rest } = more;
  const { pcaDigest, explainedVarianceRatio } = await writeScene(
    store,
    { name: 'toy', height, width, bands, values, ...rest },
    { threads },
  );
  const scene = await PreparedScene.open(store, 'toy');
  const scores = await scene.readWindow({ row: 0, column: 0, height, width }, 0);
  return { ...(await scene.readPca()), ratio: explainedVarianceRatio, scores, pcaDigest };
}

interface Encoded {
  readonly shape: readonly [number, number];
  readonly base64: string;
}

function decode({ base64 }: Encoded): ArrayBuffer {
  return new Uint8Array(Buffer.from(base64, 'base64')).buffer;
}

const conditions = [
  'well',
  'offset',
  'nine-decades',
  'fourteen-decades',
  'noise-free',
  'few-pixels',
  'few-pixels-badly',
] as const;

for (const name of conditions) {
  test(`PCA equals scikit-learn’s within 1e-6, up to sign: ${name}`, async () => {
    const reference = JSON.parse(readFileSync(fixture(`pca-${name}.json`), 'utf8')) as Record<
      'scene' | 'mean' | 'components' | 'explainedVariance' | 'explainedVarianceRatio',
      Encoded
    >;
    const bands = reference.scene.shape[1];
    const pca = await prepare(new Float32Array(decode(reference.scene)), bands);
    const wanted = new Float64Array(decode(reference.components));
    const mean = new Float64Array(decode(reference.mean));
    const scale = Math.max(...mean.map((value) => Math.abs(value)));
    assert.ok(maximumDifference(pca.mean, mean) <= 1e-6 * scale);
    for (let component = 0; component < 12; component++) {
      const row = pca.components.subarray(component * bands, (component + 1) * bands);
      const theirs = wanted.subarray(component * bands, (component + 1) * bands);
      const sign = Math.sign(row.reduce((sum, value, band) => sum + value * theirs[band]!, 0));
      const difference = maximumDifference(
        row,
        theirs.map((value) => sign * value),
      );
      assert.ok(difference < 1e-6, `component ${component} differs by ${difference}`);
      const ratio = new Float64Array(decode(reference.explainedVarianceRatio))[component]!;
      const found = pca.ratio[component]!;
      assert.ok(Math.abs(found - ratio) <= 1e-6 * ratio, `ratio ${component} is ${found}, not ${ratio}`);
    }
  });
}

test('PCA equals scikit-learn’s, signs fixed so that the largest loading is positive', async () => {
  const reference = JSON.parse(readFileSync(fixture('pca.json'), 'utf8')) as Record<
    'scene' | 'mean' | 'components' | 'explainedVariance' | 'explainedVarianceRatio' | 'scores',
    StoredValues
  >;
  const scene = Float32Array.from(reference.scene.values);
  const repeated = new Float32Array(250 * scene.length).map((_, index) => scene[index % scene.length]!);
  // Few pixels in one block; the same again and again in several.
  for (const pixels of [scene, repeated]) {
    const pca = await prepare(pixels, 20);
    assert.ok(maximumDifference(pca.mean, reference.mean.values) < 1e-3);
    // Components past the sixth are noise of nearly equal variance; the first six are defined well.
    assert.ok(maximumDifference(pca.components.subarray(0, 120), reference.components.values.slice(0, 120)) < 1e-4);
    assert.ok(maximumDifference(pca.ratio, reference.explainedVarianceRatio.values) < 1e-6);
    const pixelsOfScene = scene.length / 20;
    const scores = pca.scores.subarray(0, pixelsOfScene * 12).filter((_, i) => i % 12 < 6);
    const wanted = reference.scores.values.filter((_, i) => i % 12 < 6);
    assert.ok(maximumDifference(scores, wanted) < 1e-2);
  }
});

test('with odd numbers of pixels and bands, scores have the shares of the variance that a PCA names, and no covariance', async () => {
  const [pixels, bands, components] = [301, 7, 4];
  const random = new Random(2);
  const values = random.normals(pixels * bands, 1).map((value, i) => 5000 + (1 + (i % bands)) * value);
  const { scores, ratio } = await prepare(values, bands, { components });
  const covariance = (a: number, b: number): number => {
    let sum = 0;
    for (let pixel = 0; pixel < pixels; pixel++)
      sum += scores[pixel * components + a]! * scores[pixel * components + b]!;
    return sum / (pixels - 1);
  };
  const total = covariance(0, 0) / ratio[0]!;
  for (let a = 0; a < components; a++) {
    for (let b = 0; b < components; b++) {
      const wanted = a === b ? ratio[a]! * total : 0;
      assert.ok(Math.abs(covariance(a, b) - wanted) < 1e-3, `${a}, ${b}: ${covariance(a, b)}, not ${wanted}`);
    }
  }
});

test('PCA is the same to the last bit in any number of threads, and can be cancelled', async () => {
  const bands = 20;
  const pixels = new Random(1).normals(150_000 * bands, 1000);
  const [alone, ...together] = await Promise.all([1, 2, 3].map((threads) => prepare(pixels, bands, { threads })));
  for (const pca of together) assert.deepEqual(pca, alone);
  const cancelling = new AbortController();
  const cancelled = writeScene(
    new MemoryStore(),
    { name: 'toy', height: 300, width: 500, bands, values: pixels },
    {
      signal: cancelling.signal,
      threads: 2,
      onProgress: () => {
        cancelling.abort();
      },
    },
  );
  await assert.rejects(cancelled, hasCode('CANCELLED'));
});

test('pixels fewer than components, and pixels all alike, have components of unit length that are at right angles', async () => {
  const bands = 30;
  const four = new Random(3).normals(4 * bands, 1);
  const alike = new Float32Array(100 * bands).map((_, i) => i % bands);
  for (const values of [four, alike, four.subarray(0, bands)]) {
    const { components, ratio } = await prepare(values, bands);
    for (let a = 0; a < 12; a++) {
      for (let b = 0; b <= a; b++) {
        let inner = 0;
        for (let band = 0; band < bands; band++) inner += components[a * bands + band]! * components[b * bands + band]!;
        assert.ok(Math.abs(inner - (a === b ? 1 : 0)) < 1e-5, `${a}, ${b}: ${inner}`);
      }
    }
    assert.ok(ratio.every((share) => share >= 0 && share <= 1));
  }
});
