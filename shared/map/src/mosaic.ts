import { placeWindow, type Window } from '@hyperswap/raster';

/** Labels and confidence of one tile, one byte a pixel, row by row. */
export interface ClassifiedTile {
  /** Place of the tile in the map. */
  readonly window: Window;
  /** Class of each pixel, from 1; 0 for a pixel without data. */
  readonly labels: Uint8Array;
  /** Probability of that class in 255ths. */
  readonly confidence: Uint8Array;
}

/** Map that is assembled from classified tiles in any order. */
export class MosaicMap {
  /** `[height, width]`, 0 until a tile is placed. */
  readonly labels: Uint8Array;
  readonly confidence: Uint8Array;

  constructor(
    private readonly width: number,
    height: number,
  ) {
    this.labels = new Uint8Array(width * height);
    this.confidence = new Uint8Array(width * height);
  }

  /** Copies a tile to its place. */
  place({ window, labels, confidence }: ClassifiedTile): void {
    placeWindow(this.labels, this.width, window, labels);
    placeWindow(this.confidence, this.width, window, confidence);
  }
}
