import assert from 'node:assert/strict';
import { test } from 'node:test';
import { orientationCount, orientedOffsets, PreparedScene, writePatchIndices } from '@hyperswap/scene';
import { reflect } from '@hyperswap/raster';
import { splitByMaps, splitPerClass } from '@hyperswap/splits';
import { randomMask } from '@hyperswap/spectralgpt';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { Random } from '@hyperswap/random';
import { hasCode } from '../support/errors.js';
import { writeScene } from '../support/scenes.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('a scene is mirrored at its border pixels', () => {
  assert.deepEqual(
    [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6].map((i) => reflect(i, 4)),
    [3, 2, 1, 0, 1, 2, 3, 2, 1, 0],
  );
  assert.equal(reflect(-5, 1), 0);
});

test('a patch at a corner holds its pixel in the middle and mirrored neighbours around', () => {
  const indices = new Int32Array(9);
  writePatchIndices(indices, 0, { row: 0, column: 0 }, 3, { height: 4, width: 5 });
  assert.deepEqual([...indices], [6, 5, 6, 1, 0, 1, 6, 5, 6]);
});

test('a patch may lie anywhere in a larger square, in every orientation', () => {
  for (let orientation = 0; orientation < 8; orientation++) {
    const inner = orientedOffsets(3, orientation);
    const placed = orientedOffsets(3, orientation, { row: 1, column: 2, side: 5 });
    const wanted = inner.map((offset) => (1 + Math.floor(offset / 3)) * 5 + 2 + (offset % 3));
    assert.deepEqual(placed, wanted);
  }
});

test('the eight orientations are eight different permutations that keep the middle', () => {
  const seen = new Set<string>();
  for (let orientation = 0; orientation < orientationCount; orientation++) {
    const offsets = [...orientedOffsets(3, orientation)];
    assert.equal(offsets[4], 4);
    assert.deepEqual(
      [...offsets].sort((a, b) => a - b),
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
    );
    seen.add(offsets.join());
  }
  assert.equal(seen.size, orientationCount);
});

test('a random split takes the counts asked for, the same for a seed, and never a pixel twice', () => {
  const labels = Uint8Array.from({ length: 400 }, (_, i) => (i < 300 ? 1 + (i % 2) : i < 320 ? 3 : 0));
  const split = splitPerClass(labels, 50, 15, 7);
  const count = (label: number): number => split.trainLabels.filter((value) => value === label).length;
  assert.deepEqual([count(1), count(2), count(3)], [50, 50, 15]);
  assert.equal(split.train.length + split.test.length, 320);
  assert.equal(new Set([...split.train, ...split.test]).size, 320);
  assert.deepEqual(splitPerClass(labels, 50, 15, 7), split);
  assert.notDeepEqual(splitPerClass(labels, 50, 15, 8).train, split.train);
});

test('maps that share a pixel make no split', () => {
  const map = Uint8Array.from([1, 0, 2]);
  assert.throws(
    () => splitByMaps({ name: 'a', labels: map }, { name: 'b', labels: map }),
    hasCode('SPLIT_INVALID', /pixel 0 is in both a and b/),
  );
});

test('a mask shows each patch the same number of tokens and restores every token to its place', () => {
  const { visible, visibleRows, restore, hidden } = randomMask(5, 64, 0.75, new Random(1));
  assert.equal(visible, 16);
  assert.equal(new Set(visibleRows).size, 80);
  visibleRows.forEach((row, place) => {
    assert.equal(restore[row], place);
    assert.equal(hidden[row], 0);
  });
  assert.equal(restore.filter((place) => place === 80).length, 5 * 48);
});

test('without a name all label maps of a scene are one; maps that disagree have to be named', async () => {
  const store = new DirectoryObjectStore(await temporaryFolder('labels'));
  const write = (name: string, ...maps: number[][]) =>
    writeScene(store, {
      name,
      height: 1,
      width: 3,
      bands: 1,
      values: Float32Array.of(1, 2, 3),
      labelMaps: maps.map((labels, index) => ({ name: `map${index}`, labels: Uint8Array.from(labels) })),
      components: 1,
      reduction: 'none',
    });
  await write('agreeing', [1, 0, 0], [1, 2, 0]);
  await write('disagreeing', [1, 0, 0], [2, 2, 0]);
  const agreeing = await PreparedScene.open(store, 'agreeing');
  assert.deepEqual([...(await agreeing.readLabels())], [1, 2, 0]);
  assert.deepEqual([...(await agreeing.readLabels('map0'))], [1, 0, 0]);
  const disagreeing = await PreparedScene.open(store, 'disagreeing');
  await assert.rejects(
    disagreeing.readLabels(),
    hasCode('FIELD_INVALID', /map1 has class 2 at row 0, column 0, .* class 1; name one of map0, map1/),
  );
  assert.deepEqual([...(await disagreeing.readLabels('map1'))], [2, 2, 0]);
});
