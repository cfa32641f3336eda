/** Lookup tables of products in the geometry of the sensor: they tell which pixel lies on each cell of a map. */
import { failure } from '@hyperswap/errors';
import type { LookupTable } from './raster-info.js';

/** Cells of a table at most: maps of it are kept in memory. */
const maximumCells = 2 ** 28;
/** Cells that are read at once. */
const cellsAtOnce = 2 ** 20;

/** Calls a function with each cell of a map that a pixel lies on. */
async function forEachCell(table: LookupTable, use: (cell: number, pixel: number) => void): Promise<void> {
  const rows = Math.max(1, Math.floor(cellsAtOnce / table.width));
  for (let row = 0; row < table.height; row += rows) {
    const pixels = await table.readRows(row, Math.min(rows, table.height - row));
    pixels.forEach((pixel, index) => {
      if (pixel >= 0) use(row * table.width + index, pixel);
    });
  }
}

/**
 * Places values of pixels on the map, each cell the value of its pixel (nearest neighbour).
 *
 * @param maps of the raster, `[height, width, values]` each, of any number of values a pixel
 * @param pixels of the raster
 * @returns the maps, `[table.height, table.width, values]` each, 0 where no pixel lies
 */
export async function placeOnMap(
  table: LookupTable,
  maps: readonly Uint8Array[],
  pixels: number,
): Promise<Uint8Array[]> {
  const counts = maps.map((map) => map.length / pixels);
  const placed = counts.map((count) => new Uint8Array(table.height * table.width * count));
  await forEachCell(table, (cell, pixel) => {
    maps.forEach((map, index) => {
      const count = counts[index]!;
      for (let i = 0; i < count; i++) placed[index]![cell * count + i] = map[pixel * count + i]!;
    });
  });
  return placed;
}

/**
 * Takes labels of a map back to the pixels of the raster. A pixel that lies on several cells takes the label of the
 * first that has one.
 *
 * @param labels `[table.height, table.width]`
 * @returns `[height, width]` of the raster
 */
export async function takeFromMap(
  table: LookupTable,
  labels: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
): Promise<Uint8Array> {
  const taken = new Uint8Array(height * width);
  await forEachCell(table, (cell, pixel) => {
    if (taken[pixel] === 0) taken[pixel] = labels[cell]!;
  });
  return taken;
}

/** Requires that a table is not larger than a map that is kept in memory. @throws FILE_FORMAT */
export function requireMapSize(file: string, { height, width }: Pick<LookupTable, 'height' | 'width'>): void {
  const cells = height * width;
  if (cells <= maximumCells) return;
  const reason = `its lookup table has ${height} × ${width} cells, more than ${maximumCells}`;
  throw failure('FILE_FORMAT', { file, expected: 'product with a lookup table', reason });
}
