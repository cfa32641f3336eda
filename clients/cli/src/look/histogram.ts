import type { Scene } from '@hyperswap/proto';
import type { Session } from '../session.js';
import { readBands } from './read-bands.js';

const bins = 20;
/** Rows that are looked at, spread over the scene. */
const sampledRows = 32;
const barLength = 40;

/** Values of the good bands of valid pixels. */
export interface Histogram {
  /** Lower end of the first bin and upper end of the last, with scale and offset applied. */
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
  /** Rows of the scene that were looked at. */
  readonly rows: number;
}

/**
 * Counts the values of rows spread over the scene; undefined where none of them holds data.
 *
 * @throws FIELD_INVALID, SCENE_CHANGED
 */
export async function sceneHistogram(session: Session, scene: Scene): Promise<Histogram | undefined> {
  const { height, width, bands, goodBands, scale = 1, offset = 0 } = scene.raster!;
  const step = Math.max(1, Math.floor(height / sampledRows));
  const found: Float32Array[] = [];
  let rows = 0;
  for (let row = Math.floor(step / 2); row < height && rows < sampledRows; row += step, rows++) {
    for await (const { values, mask } of readBands(session, scene, [], { row, column: 0, height: 1, width })) {
      found.push(
        Float32Array.from(values, (value) => value * scale + offset).filter(
          (value, i) => mask[Math.floor(i / bands)] === 1 && goodBands[i % bands] !== false && Number.isFinite(value),
        ),
      );
    }
  }
  let [low, high] = [Infinity, -Infinity];
  for (const values of found) {
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return undefined;
  const counts = new Array<number>(bins).fill(0);
  const range = high > low ? high - low : 1;
  for (const values of found) {
    for (const value of values) counts[Math.min(bins - 1, Math.floor((bins * (value - low)) / range))]! += 1;
  }
  return { low, high: low + range, counts, rows };
}

/** Returns a histogram as bars of text. */
export function describeHistogram({ low, high, counts, rows }: Histogram): string[] {
  const most = Math.max(...counts);
  const width = (high - low) / bins;
  const starts = counts.map((_, bin) => Number((low + bin * width).toPrecision(4)).toString());
  const padding = Math.max(...starts.map(({ length }) => length));
  return [
    `values of valid pixels in ${rows} rows:`,
    ...counts.map((count, bin) => {
      const bar = '█'.repeat(Math.round((barLength * count) / most));
      return `  ${starts[bin]!.padStart(padding)} ${bar.padEnd(barLength)} ${count}`;
    }),
  ];
}
