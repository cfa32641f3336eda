/** Cloud Optimized GeoTIFFs of the gateway, read tile by tile with range requests. */
import { fromUrl, type GeoTIFF, type GeoTIFFImage } from 'geotiff';
import { authorization } from '../api/token.js';

/** Side of a tile. */
const tileSide = 256;
/** Tiles that are kept decoded. */
const keptTiles = 256;

/** Rectangle of a tile's values. */
export interface TileValues {
  readonly width: number;
  readonly height: number;
  readonly values: Uint8Array | Uint16Array;
}

/** Raster of one band with its overviews. */
export class Cog {
  private readonly tiles = new Map<string, Promise<TileValues>>();

  private constructor(
    readonly height: number,
    readonly width: number,
    /** From the full resolution to the coarsest. */
    private readonly levels: readonly GeoTIFFImage[],
  ) {}

  /** Opens a file of the gateway. @param address relative to this page */
  static async open(address: string, signal: AbortSignal): Promise<Cog> {
    const url = new URL(address, location.href).href;
    const file: GeoTIFF = await fromUrl(url, { headers: authorization(), allowFullFile: false }, signal);
    const count = await file.getImageCount();
    const levels = await Promise.all(Array.from({ length: count }, (_, index) => file.getImage(index)));
    levels.sort((a, b) => b.getWidth() - a.getWidth() || b.getHeight() - a.getHeight());
    return new Cog(levels[0]!.getHeight(), levels[0]!.getWidth(), levels);
  }

  /** Levels, the full resolution included. */
  get levelCount(): number {
    return this.levels.length;
  }

  /** Reads a tile. @param level 0 for the full resolution; each level halves it */
  tile(level: number, column: number, row: number): Promise<TileValues> {
    const key = `${level}/${column}/${row}`;
    const found = this.tiles.get(key) ?? this.read(level, column, row);
    this.tiles.delete(key);
    this.tiles.set(key, found);
    found.catch(() => this.tiles.delete(key));
    if (this.tiles.size > keptTiles) this.tiles.delete(this.tiles.keys().next().value!);
    return found;
  }

  /**
   * Counts values over the whole raster, on the finest level of at most 16 million pixels.
   *
   * @returns pixels by value, at full resolution
   */
  async count(): Promise<ReadonlyMap<number, number>> {
    const level = this.levels.findIndex((image) => image.getWidth() * image.getHeight() <= 16e6);
    const image = this.levels[level]!;
    const factor = (this.width * this.height) / (image.getWidth() * image.getHeight());
    const counts = new Map<number, number>();
    for (let row = 0; row * tileSide < image.getHeight(); row++) {
      for (let column = 0; column * tileSide < image.getWidth(); column++) {
        const { values } = await this.tile(level, column, row);
        for (const value of values) counts.set(value, (counts.get(value) ?? 0) + factor);
      }
    }
    return counts;
  }

  private async read(level: number, column: number, row: number): Promise<TileValues> {
    const image = this.levels[level]!;
    const [left, top] = [column * tileSide, row * tileSide];
    const right = Math.min(left + tileSide, image.getWidth());
    const bottom = Math.min(top + tileSide, image.getHeight());
    const values = await image.readRasters({ window: [left, top, right, bottom], samples: [0], interleave: true });
    return { width: right - left, height: bottom - top, values: values as unknown as Uint8Array | Uint16Array };
  }
}
