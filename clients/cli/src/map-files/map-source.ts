import type { AdapterVersion, MeasuredAgreement } from '@hyperswap/proto';
import type { Window } from '@hyperswap/raster';

/** Classified scene. */
export interface SceneMap {
  readonly height: number;
  readonly width: number;
  /** Class of each pixel, from 1, `[height, width]`; 0 for a pixel without data. */
  readonly labels: Uint8Array;
  /** Probability of that class in 255ths. */
  readonly confidence: Uint8Array;
  /** Probability of every class in 255ths, `[height, width, classes]`; empty unless asked for. */
  readonly probabilities: Uint8Array;
  readonly adapter: AdapterVersion;
  readonly seconds: number;
}

/** Some full rows of a map. */
export interface MapRowBlock {
  readonly window: Window;
  /** Class of each pixel, from 1, `[height, width]`; 0 for a pixel without data. */
  readonly labels: Uint8Array;
  /** Probability of that class in 255ths. */
  readonly confidence: Uint8Array;
  /** Probability of every class in 255ths, `[height, width, classes]`; empty unless asked for. */
  readonly probabilities: Uint8Array;
}

/** Wanted and measured agreement of an adaptive map with the exact one. */
export interface AdaptiveMap extends MeasuredAgreement {
  /** Share of pixels, 0.9 to below 1. */
  readonly wanted: number;
}

/** Map that is read once, from top to bottom. */
export interface MapSource {
  readonly height: number;
  readonly width: number;
  readonly adapter: AdapterVersion;
  /** Seconds that the classification took. */
  readonly seconds: number;
  /** Agreement of an adaptive map with the exact one. */
  readonly adaptive?: AdaptiveMap | undefined;
  readonly rows: AsyncIterable<MapRowBlock>;
}

/** Rows of a block of a map in memory. */
const blockRows = 256;

/** Returns a map in memory as a source. */
export function sourceInMemory(map: SceneMap): MapSource {
  const { height, width, labels, confidence, probabilities, adapter, seconds } = map;
  const classes = probabilities.length / labels.length;
  // eslint-disable-next-line @typescript-eslint/require-await -- other sources wait
  async function* rows(): AsyncGenerator<MapRowBlock> {
    for (let row = 0; row < height; row += blockRows) {
      const window = { row, column: 0, height: Math.min(blockRows, height - row), width };
      const [start, end] = [row * width, (row + window.height) * width];
      yield {
        window,
        labels: labels.subarray(start, end),
        confidence: confidence.subarray(start, end),
        probabilities: probabilities.subarray(start * classes, end * classes),
      };
    }
  }
  return { height, width, adapter, seconds, rows: rows() };
}
