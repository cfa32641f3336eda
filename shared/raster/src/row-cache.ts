import { setImmediate } from 'node:timers/promises';
import { emptyArray, type NumericArray } from './array.js';
import type { RasterReader } from './raster-info.js';
import { requireWindow, type Window } from './window.js';

/** Bytes of the rows that are kept. */
const cachedBytes = 32 * 1024 ** 2;

/**
 * Returns a reader that reads full rows, many at once, and serves windows out of them. Files whose rows are spread over
 * the whole file, or whose blocks cover many rows, are so read a few times instead of once a window.
 *
 * @param source reads one window at a time; windows that go down the raster are served best
 */
export function cacheRows(file: string, source: RasterReader): RasterReader {
  const { height, width, bands, type } = source.info;
  const rowBytes = width * bands * emptyArray(type, 1).byteLength;
  const rowsKept = Math.floor(cachedBytes / rowBytes);
  let kept: { first: number; count: number; values: NumericArray } | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const read = async (window: Window, chosen?: readonly number[]): Promise<NumericArray> => {
    const { row, column } = requireWindow(file, source.info, window);
    // Cached rows need no wait, so this yields to the event loop before a loop over all windows continues.
    await setImmediate();
    if (chosen !== undefined || window.height > rowsKept) return source.readWindow(window, chosen);
    if (kept === undefined || row < kept.first || row + window.height > kept.first + kept.count) {
      kept = undefined;
      const count = Math.min(rowsKept, height - row);
      kept = { first: row, count, values: await source.readWindow({ row, column: 0, height: count, width }) };
    }
    const { first, values } = kept;
    const result = emptyArray(type, window.height * window.width * bands);
    for (let y = 0; y < window.height; y++) {
      const start = ((row - first + y) * width + column) * bands;
      result.set(values.subarray(start, start + window.width * bands), y * window.width * bands);
    }
    return result;
  };
  return {
    info: source.info,
    lookupTable: source.lookupTable,
    readWindow: (window, chosen) => {
      const result = turn.then(() => read(window, chosen));
      turn = result.catch(() => undefined);
      return result;
    },
    close: () => source.close(),
  };
}
