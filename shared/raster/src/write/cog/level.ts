import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import type { ScratchFile } from '../output-folder.js';
import type { Reduction } from './reduce.js';

const compress = promisify(deflate);

export interface LevelSize {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  /** Side of a tile. */
  readonly tileSide: number;
}

/**
 * One resolution of a raster: takes rows from top to bottom, compresses them tile by tile, and passes halved rows on.
 * Holds one row of tiles.
 */
export class Level {
  /** Compressed bytes of each tile, row by row. */
  readonly byteCounts: number[] = [];
  private readonly rows: Uint8Array;
  private filled = 0;
  private received = 0;
  private pending: Uint8Array | undefined;

  constructor(
    readonly size: LevelSize,
    readonly scratch: ScratchFile,
    private readonly coarser: Level | undefined,
    private readonly reduction: Reduction,
    /** Value that is written for each value; undefined: the same. */
    private readonly written: Uint8Array | Uint16Array | undefined,
  ) {
    this.rows = new Uint8Array(size.tileSide * this.rowBytes);
  }

  /** @param row `[width, bands]` */
  async append(row: Uint8Array): Promise<void> {
    const { height, width, bands, tileSide } = this.size;
    this.rows.set(row, this.filled * this.rowBytes);
    this.filled += 1;
    this.received += 1;
    const isLast = this.received === height;
    if (this.filled === tileSide || isLast) await this.flush();
    if (this.coarser === undefined) return;
    if (this.pending === undefined && !isLast) this.pending = row.slice();
    else {
      const above = this.pending ?? row;
      this.pending = undefined;
      await this.coarser.append(this.reduction(above, row, width, bands));
    }
  }

  /** Compresses the rows that are there as one row of tiles; tiles are full beyond the border, with zeros. */
  private async flush(): Promise<void> {
    const { width, bands, tileSide } = this.size;
    const tileRowBytes = tileSide * bands;
    for (let left = 0; left < width; left += tileSide) {
      const tile = Buffer.alloc(tileSide * tileRowBytes);
      const bytes = Math.min(tileSide, width - left) * bands;
      for (let y = 0; y < this.filled; y++) {
        const start = y * this.rowBytes + left * bands;
        tile.set(this.rows.subarray(start, start + bytes), y * tileRowBytes);
      }
      const compressed = await compress(this.written === undefined ? tile : translate(tile, this.written));
      this.byteCounts.push(compressed.length);
      await this.scratch.append(compressed);
    }
    this.filled = 0;
  }

  private get rowBytes(): number {
    return this.size.width * this.size.bands;
  }
}

/** Returns the bytes of the values that stand for others; all platforms that we run on are little-endian. */
function translate(tile: Uint8Array, written: Uint8Array | Uint16Array): Uint8Array {
  const values = new (written.BYTES_PER_ELEMENT === 2 ? Uint16Array : Uint8Array)(tile.length);
  for (let i = 0; i < tile.length; i++) values[i] = written[tile[i]!]!;
  return new Uint8Array(values.buffer);
}
