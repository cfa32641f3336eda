import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mambaHsiParameters, stretchBands, stripsOf } from '@hyperswap/rivals';

test('MambaHSI has as many learned values as the paper counts for its five scenes', () => {
  // Bands and classes of Indian Pines, Pavia University, Houston, Botswana and LongKou.
  const scenes = [
    [200, 16, 425_558],
    [103, 9, 412_239],
    [144, 15, 418_261],
    [145, 14, 418_260],
    [270, 9, 433_615],
  ] as const;
  for (const [bands, classes, count] of scenes) assert.equal(mambaHsiParameters(bands, classes), count);
});

test('bands are stretched between their 2nd and 98th percentile, in 255ths, over the pixels with data', () => {
  const bands = 2;
  const values = Float32Array.from({ length: 102 * bands }, (_, i) => (i % bands === 0 ? Math.floor(i / bands) : 7));
  values.set([1e9, 1e9], 101 * bands);
  const valid = new Uint8Array(102).fill(1);
  valid[101] = 0;
  const stretched = stretchBands(values, valid, bands);
  const first = (pixel: number): number => stretched[pixel * bands]!;
  assert.deepEqual([first(0), first(2), first(98), first(100), first(101)].map(Math.fround), [0, 0, 1, 1, 0]);
  assert.equal(first(50), Math.fround(Math.floor((255 * 48) / 96) / 255));
  assert.equal(stretched[1], 0, 'a band of one value is 0');
});

test('strips cover each row once, share ten rows with their neighbour, and hold at most so many pixels', () => {
  assert.deepEqual(stripsOf(145, 145, 32_768), [{ top: 0, bottom: 145, from: 0, to: 145 }]);
  for (const [height, width] of [
    [610, 340],
    [349, 1905],
    [5000, 20],
    [227, 145],
  ] as const) {
    const strips = stripsOf(height, width, 32_768);
    assert.equal(strips[0]!.from, 0);
    assert.equal(strips.at(-1)!.to, height);
    strips.forEach(({ top, bottom, from, to }, i) => {
      assert.ok(top >= 0 && top <= from && from < to && to <= bottom && bottom <= height);
      assert.ok((bottom - top) * width <= Math.max(32_768, 20 * width), `${bottom - top} rows of ${width}`);
      if (i === 0) return;
      assert.equal(from, strips[i - 1]!.to);
      assert.equal(strips[i - 1]!.bottom - top, 10);
    });
  }
});
