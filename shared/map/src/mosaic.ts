import { placeWindow, type Window } from '@hyperswap/raster';

/** Labels, confidence and perhaps probabilities of one tile, row by row. */
export interface ClassifiedTile {
  /** Place of the tile in the map. */
  readonly window: Window;
  /** Class of each pixel, from 1; 0 for a pixel without data. */
  readonly labels: Uint8Array;
  /** Probability of that class in 255ths. */
  readonly confidence: Uint8Array;
  /** Probability of every class in 255ths, `[height, width, classes]`; empty where they are not wanted. */
  readonly probabilities: Uint8Array;
}

/** Map that is assembled from classified tiles in any order. */
export class MosaicMap {
  /** `[height, width]`, 0 until a tile is placed. */
  readonly labels: Uint8Array;
  readonly confidence: Uint8Array;
  /** `[height, width, classes]`; empty where they are not wanted. */
  readonly probabilities: Uint8Array;

  /** @param classes of the probabilities; 0 where they are not wanted */
  constructor(
    private readonly width: number,
    height: number,
    private readonly classes = 0,
  ) {
    this.labels = new Uint8Array(width * height);
    this.confidence = new Uint8Array(width * height);
    this.probabilities = new Uint8Array(width * height * classes);
  }

  /** Copies a tile to its place. */
  place({ window, labels, confidence, probabilities }: ClassifiedTile): void {
    placeWindow(this.labels, this.width, window, labels);
    placeWindow(this.confidence, this.width, window, confidence);
    if (this.classes > 0) placeWindow(this.probabilities, this.width, window, probabilities, this.classes);
  }
}
