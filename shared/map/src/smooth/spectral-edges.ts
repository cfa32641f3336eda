import type { Window } from '@hyperswap/raster';

/** Edges as they go to another thread. */
export type EdgeValues = Pick<SpectralEdges, 'height' | 'width' | 'right' | 'below' | 'meanDistance'>;

/** Distances between the spectra of neighbouring pixels, over a whole scene. */
export class SpectralEdges {
  /**
   * Squared distance of each pixel's spectrum from that of the pixel to its right, row by row; 0 in the last column.
   */
  readonly right: Float32Array;
  /** The same distance to the pixel below; 0 in the last row. */
  readonly below: Float32Array;

  /** Mean distance that distances count against; undefined for the mean of these edges. */
  private scale: number | undefined;

  constructor(
    readonly height: number,
    readonly width: number,
  ) {
    this.right = new Float32Array(height * width);
    this.below = new Float32Array(height * width);
  }

  /** Computes the edges of a scene that is completely in memory. @param values `[row, column, bands]` */
  static of(
    { height, width }: { readonly height: number; readonly width: number },
    values: ArrayLike<number>,
    bands: number,
  ): SpectralEdges {
    const edges = new SpectralEdges(height, width);
    edges.place({ row: 0, column: 0, height, width }, 0, values, bands);
    return edges;
  }

  /** Returns edges that another thread sent. */
  static from({ height, width, right, below, meanDistance }: EdgeValues): SpectralEdges {
    const edges = new SpectralEdges(height, width);
    edges.right.set(right);
    edges.below.set(below);
    edges.scale = meanDistance;
    return edges;
  }

  /** Returns what another thread needs. */
  values(): EdgeValues {
    const { height, width, right, below, meanDistance } = this;
    return { height, width, right, below, meanDistance };
  }

  /**
   * Mean over the edges between pixels that have values and differ. Areas filled with a constant carry no information
   * about the other edges.
   */
  get meanDistance(): number {
    if (this.scale !== undefined) return this.scale;
    let sum = 0;
    let count = 0;
    for (const distances of [this.right, this.below]) {
      for (const distance of distances) {
        if (!Number.isFinite(distance) || distance === 0) continue;
        sum += distance;
        count++;
      }
    }
    return sum / count;
  }

  /** Keeps the present mean distance, whatever is cut from now on. */
  keepMeanDistance(): void {
    this.scale = this.meanDistance;
  }

  /** Returns the edges within a window. @param meanDistance that they count against */
  part(window: Window, meanDistance: number): SpectralEdges {
    const part = new SpectralEdges(window.height, window.width);
    for (let y = 0; y < window.height; y++) {
      const from = (window.row + y) * this.width + window.column;
      part.right.set(this.right.subarray(from, from + window.width), y * window.width);
      part.below.set(this.below.subarray(from, from + window.width), y * window.width);
    }
    part.scale = meanDistance;
    return part;
  }

  /**
   * Takes the edges between regions away: no walk goes from one region to another.
   *
   * @param regions number of each pixel's region, `[height, width]`
   */
  separate(regions: ArrayLike<number>): void {
    const { right, below, width } = this;
    for (let pixel = 0; pixel < right.length; pixel++) {
      if ((pixel + 1) % width > 0 && regions[pixel] !== regions[pixel + 1]) right[pixel] = NaN;
      if (pixel + width < right.length && regions[pixel] !== regions[pixel + width]) below[pixel] = NaN;
    }
  }

  /**
   * Takes the edges of pixels without data away: no walk reaches or passes them.
   *
   * @param mask `[height, width]`, 1 for pixels with data
   */
  cut(mask: Uint8Array): void {
    const { right, below, width } = this;
    mask.forEach((isValid, pixel) => {
      if (isValid === 1) return;
      right[pixel] = NaN;
      below[pixel] = NaN;
      if (pixel % width > 0) right[pixel - 1] = NaN;
      if (pixel >= width) below[pixel - width] = NaN;
    });
  }

  /**
   * Fills in the edges of a tile: those between its window's pixels, and those to the pixels of its halo.
   *
   * @param halo pixels around the window: at least one, unless the window is the whole scene
   * @param values window and halo, `[row, column, bands]`; PCA scores can replace the bands, because they keep the
   *   distances
   */
  place(window: Window, halo: number, values: ArrayLike<number>, bands: number): void {
    const columns = window.width + 2 * halo;
    const distance = (first: number, second: number): number => {
      let sum = 0;
      for (let band = 0; band < bands; band++) {
        sum += (values[first * bands + band]! - values[second * bands + band]!) ** 2;
      }
      return sum;
    };
    for (let y = 0; y < window.height; y++) {
      for (let x = 0; x < window.width; x++) {
        const [row, column] = [window.row + y, window.column + x];
        const inTile = (y + halo) * columns + x + halo;
        const pixel = row * this.width + column;
        if (column + 1 < this.width) this.right[pixel] = distance(inTile, inTile + 1);
        if (row + 1 < this.height) this.below[pixel] = distance(inTile, inTile + columns);
      }
    }
  }
}
