import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smoothMap, SpectralEdges } from '@hyperswap/map';
import { Random } from '@hyperswap/random';

const sure = (labels: Uint8Array): Uint8Array => new Uint8Array(labels.length).fill(255);

/** Edges of a scene of one band. */
function edgesOf(values: readonly number[], width: number): SpectralEdges {
  return SpectralEdges.of({ height: values.length / width, width }, values, 1);
}

test('a lone pixel becomes what surrounds it, unless it is surer than they are together', async () => {
  const labels = Uint8Array.of(1, 1, 1, 1, 2, 1, 1, 1, 1);
  const flat = edgesOf(new Array<number>(9).fill(7), 3);
  const { labels: smooth } = await smoothMap({ labels, confidence: sure(labels) }, flat, { reach: 3 });
  assert.deepEqual([...smooth], new Array(9).fill(1));
  const confidence = Uint8Array.of(10, 10, 10, 10, 255, 10, 10, 10, 10);
  const { labels: kept } = await smoothMap({ labels, confidence }, flat, { reach: 1 });
  assert.equal(kept[4], 2);
});

test('a road one pixel wide keeps its class, the same pixels without an edge do not', async () => {
  const width = 7;
  const isRoad = (pixel: number): boolean => pixel % width === 3;
  const pixels = Array.from({ length: 49 }, (_, pixel) => pixel);
  const labels = Uint8Array.from(pixels, (pixel) => (isRoad(pixel) ? 2 : 1));
  const map = { labels, confidence: sure(labels) };
  const scene = (road: number): SpectralEdges => {
    const values = pixels.map((pixel) => (isRoad(pixel) ? road : 3));
    return edgesOf(values, width);
  };
  assert.deepEqual([...(await smoothMap(map, scene(9), { reach: 5 })).labels], [...labels]);
  assert.deepEqual([...(await smoothMap(map, scene(3), { reach: 5 })).labels], new Array(49).fill(1));
});

test('votes are the solution of the walk’s equations, as elimination finds it', async () => {
  const [height, width, reach] = [6, 9, 4];
  const random = new Random(4);
  const values = Array.from({ length: height * width }, () => random.normal());
  const labels = Uint8Array.from(values, () => random.integer(4));
  const confidence = Uint8Array.from(labels, () => random.integer(256));
  const smoothed = await smoothMap({ labels, confidence }, edgesOf(values, width), { reach });
  const wanted = [1, 2, 3].map((label) =>
    solveDensely(values, width, reach, (pixel) => (labels[pixel] === label ? confidence[pixel]! : 0)),
  );
  labels.forEach((own, pixel) => {
    const votes = wanted.map((votes) => votes[pixel]!);
    const most = Math.max(...votes);
    assert.equal(smoothed.labels[pixel], own === 0 ? 0 : votes.indexOf(most) + 1, `pixel ${pixel}: ${votes.join()}`);
    const share = Math.round((255 * most) / votes.reduce((sum, vote) => sum + vote));
    if (own > 0) assert.ok(Math.abs(smoothed.confidence[pixel]! - share) <= 1);
  });
});

test('edges filled in tile by tile are those of the whole scene', () => {
  const [height, width, bands] = [5, 7, 3];
  const random = new Random(2);
  const values = Float32Array.from({ length: height * width * bands }, () => random.normal());
  const whole = SpectralEdges.of({ height, width }, values, bands);
  const tiled = new SpectralEdges(height, width);
  const inside = (index: number, size: number): number => Math.min(Math.max(index, 0), size - 1);
  for (let row = 0; row < height; row += 3) {
    for (let column = 0; column < width; column += 3) {
      const window = { row, column, height: Math.min(3, height - row), width: Math.min(3, width - column) };
      const tile: number[] = [];
      for (let y = row - 1; y <= row + window.height; y++) {
        for (let x = column - 1; x <= column + window.width; x++) {
          const start = (inside(y, height) * width + inside(x, width)) * bands;
          tile.push(...values.subarray(start, start + bands));
        }
      }
      tiled.place(window, 1, tile, bands);
    }
  }
  assert.deepEqual(tiled, whole);
});

test('pixels without a value keep to themselves, and harm no other', async () => {
  const labels = Uint8Array.of(1, 1, 2, 2, 2, 1);
  const edges = edgesOf([5, 5, NaN, 9, 9, 9], 6);
  const { labels: smooth } = await smoothMap({ labels, confidence: sure(labels) }, edges, { reach: 4 });
  assert.deepEqual([...smooth], [1, 1, 2, 2, 2, 2]);
});

test('votes never pass pixels without data, whatever their scores are, and such pixels stay without a class', async () => {
  // A strip of two fields with a gap between; in the gap the score is 0, as in a prepared scene, much like that of the
  // fields.
  const labels = Uint8Array.of(1, 1, 1, 0, 0, 2, 3, 3);
  const confidence = Uint8Array.of(255, 255, 255, 0, 0, 10, 10, 10);
  const values = [0.1, 0.1, 0.1, 0, 0, 0.1, 9, 9];
  const open = edgesOf(values, 8);
  const passed = await smoothMap({ labels, confidence }, open, { reach: 9 });
  assert.deepEqual([...passed.labels], [1, 1, 1, 0, 0, 1, 3, 3]);
  const cut = edgesOf(values, 8);
  cut.cut(Uint8Array.of(1, 1, 1, 0, 0, 1, 1, 1));
  const smooth = await smoothMap({ labels, confidence }, cut, { reach: 2 });
  assert.deepEqual([...smooth.labels], [1, 1, 1, 0, 0, 2, 3, 3]);
  assert.deepEqual([...smooth.confidence.subarray(0, 5)], [255, 255, 255, 0, 0]);
  // In two dimensions, every neighbour of such a pixel loses its edge, and no other.
  const field = edgesOf(new Array<number>(9).fill(1), 3);
  field.cut(Uint8Array.of(1, 1, 1, 1, 0, 1, 1, 1, 1));
  assert.deepEqual([...field.right], [0, 0, 0, NaN, NaN, 0, 0, 0, 0]);
  assert.deepEqual([...field.below], [0, NaN, 0, 0, NaN, 0, 0, 0, 0]);
});

test('a reach of 0 leaves the map; who gives up is not kept waiting', async () => {
  const labels = Uint8Array.of(1, 2, 2, 0, 1, 2);
  const map = { labels, confidence: sure(labels) };
  const edges = edgesOf([1, 1, 1, 1, 1, 1], 3);
  assert.deepEqual(await smoothMap(map, edges, { reach: 0 }), map);
  assert.deepEqual([...(await smoothMap(map, edges, { reach: 50 })).labels], [2, 2, 2, 0, 2, 2]);
  const signal = AbortSignal.abort(new Error('given up'));
  await assert.rejects(smoothMap(map, edges, { reach: 2, signal }), /given up/);
});

/** Gaussian elimination of the equations in the docstring of `RandomWalk`. */
function solveDensely(
  values: readonly number[],
  width: number,
  reach: number,
  vote: (pixel: number) => number,
): number[] {
  const pairs = values.flatMap((_, pixel) => {
    const right = (pixel + 1) % width === 0 ? [] : [[pixel, pixel + 1] as const];
    return pixel + width < values.length ? [...right, [pixel, pixel + width] as const] : right;
  });
  const distance = ([a, b]: readonly [number, number]): number => Math.fround((values[a]! - values[b]!) ** 2);
  const mean = pairs.reduce((sum, pair) => sum + distance(pair), 0) / pairs.length;
  const rows = values.map((_, row) =>
    [...values.keys(), values.length].map((column) => (column === row ? 1 / reach ** 2 : 0)),
  );
  rows.forEach((row, pixel) => (row[values.length] = vote(pixel) / reach ** 2));
  for (const pair of pairs) {
    const weight = Math.exp((-4 * distance(pair)) / mean);
    for (const [from, to] of [pair, pair.toReversed()] as [number, number][]) {
      rows[from]![from]! += weight;
      rows[from]![to]! -= weight;
    }
  }
  for (const [pivot, row] of rows.entries()) {
    for (const [other, target] of rows.entries()) {
      if (other === pivot) continue;
      const factor = target[pivot]! / row[pivot]!;
      row.forEach((value, column) => (target[column]! -= factor * value));
    }
  }
  return rows.map((row, pixel) => row[values.length]! / row[pixel]!);
}
