import assert from 'node:assert/strict';
import { test } from 'node:test';
import { smoothMap } from '@hyperswap/scene';
import { Random } from '@hyperswap/tensor';

const sure = (labels: Uint8Array): Uint8Array => new Uint8Array(labels.length).fill(255);

test('a lone pixel becomes what surrounds it, unless it is surer than they are together', () => {
  const labels = Uint8Array.of(1, 1, 1, 1, 2, 1, 1, 1, 1);
  assert.deepEqual([...smoothMap({ labels, confidence: sure(labels) }, 3, 1).labels], new Array(9).fill(1));
  const confidence = Uint8Array.of(10, 10, 10, 10, 255, 10, 10, 10, 10);
  const { labels: kept, confidence: shares } = smoothMap({ labels, confidence }, 3, 1);
  assert.equal(kept[4], 2);
  assert.equal(shares[4], Math.round((255 * 255) / (255 + 80)));
});

test('the votes are those of the window, as counted one by one', () => {
  const [height, width, radius] = [7, 11, 2];
  const random = new Random(4);
  const labels = Uint8Array.from({ length: height * width }, () => random.integer(4));
  const confidence = Uint8Array.from(labels, () => random.integer(256));
  const smoothed = smoothMap({ labels, confidence }, width, radius);
  labels.forEach((own, pixel) => {
    if (own === 0) {
      assert.equal(smoothed.labels[pixel], 0);
      return;
    }
    const votes = [0, 0, 0, 0];
    labels.forEach((label, other) => {
      const rows = Math.abs(Math.floor(other / width) - Math.floor(pixel / width));
      const columns = Math.abs((other % width) - (pixel % width));
      if (label > 0 && Math.max(rows, columns) <= radius) votes[label]! += confidence[other]!;
    });
    const most = Math.max(...votes);
    const wanted = votes[own] === most ? own : votes.indexOf(most);
    assert.equal(smoothed.labels[pixel], wanted, `pixel ${pixel}: ${votes.join()}`);
  });
});

test('a radius of 0 leaves the map, and one larger than the map gives all pixels the same class', () => {
  const labels = Uint8Array.of(1, 2, 2, 0, 1, 2);
  const map = { labels, confidence: sure(labels) };
  assert.deepEqual(smoothMap(map, 3, 0), map);
  assert.deepEqual([...smoothMap(map, 3, 50).labels], [2, 2, 2, 0, 2, 2]);
});
