/** Blocks of a TIFF that are too large to be kept in memory beside each other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesInMemory, openRaster } from '@hyperswap/raster';
import { tiledTiff } from '../support/tiled-tiff.js';

const size = { height: 256, width: 1240, bands: 440 };
const value = (row: number, column: number, band: number): number =>
  (row * 3 + (column >> 5) * 7 + band * 101) & 0xffff;

for (const planar of [false, true]) {
  const kind = planar ? 'one band a tile' : 'all bands a tile';
  test(`a row of tiles larger than the cache is decoded once while its rows are read: ${kind}`, async () => {
    // A row of tiles has 128 × 1,280 × 440 × 2 bytes: 144 MB, more than is kept.
    const file = tiledTiff({ ...size, tileHeight: 128, tileWidth: 640, planar }, value);
    const source = bytesInMemory('large.tif', file);
    const tiles = new Map<number, number>();
    const counting = {
      ...source,
      name: source.name,
      size: source.size,
      read: (offset: number, length: number) => {
        if (length > 2_000) tiles.set(offset, (tiles.get(offset) ?? 0) + 1);
        return source.read(offset, length);
      },
      siblings: () => source.siblings(),
      sibling: (name: string) => source.sibling(name),
      close: () => source.close(),
    };
    const raster = await openRaster(counting);
    tiles.clear();
    const { width } = size;
    for (let row = 0; row < size.height; row += 32) {
      const values = await raster.readWindow({ row, column: 0, height: 32, width });
      for (let i = 0; i < values.length; i += 9973) {
        const pixel = Math.floor(i / size.bands);
        const wanted = value(row + Math.floor(pixel / width), pixel % width, i % size.bands);
        assert.equal(values[i], wanted, `value ${i} of the rows from ${row} on`);
      }
    }
    await raster.close();
    const most = Math.max(...tiles.values());
    assert.equal(most, 1, `a tile was read ${most} times`);
    assert.ok(tiles.size >= 4);
  });
}
