import { failure } from '@hyperswap/errors';

/** A rectangle of pixels: rows `[row, row + height)`, columns `[column, column + width)`. */
export interface Window {
  readonly row: number;
  readonly column: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Yields the windows of a grid, row by row. The last of a row or column may be smaller.
 *
 * @param side of a window in pixels
 */
export function* gridWindows(
  { height, width }: { readonly height: number; readonly width: number },
  side: number,
): Generator<Window> {
  for (let row = 0; row < height; row += side) {
    for (let column = 0; column < width; column += side) {
      yield { row, column, height: Math.min(side, height - row), width: Math.min(side, width - column) };
    }
  }
}

/**
 * Copies the values of a window to their place in a raster.
 *
 * @param target `[rows, width, perPixel]`, row by row
 * @param width columns of the target
 * @param values `[window.height, window.width, perPixel]`, row by row
 * @param perPixel values of a pixel
 */
export function placeWindow(
  target: Uint8Array | Float32Array,
  width: number,
  window: Window,
  values: Uint8Array | Uint16Array | Int16Array | Float32Array,
  perPixel = 1,
): void {
  const length = window.width * perPixel;
  for (let y = 0; y < window.height; y++) {
    const row = values.subarray(y * length, (y + 1) * length);
    target.set(row, ((window.row + y) * width + window.column) * perPixel);
  }
}

/** @throws FIELD_INVALID when a window is not a part of the raster */
export function requireWindow(
  file: string,
  raster: { readonly height: number; readonly width: number },
  window: Window,
): Window {
  const { row, column, height, width } = window;
  if (
    row >= 0 &&
    column >= 0 &&
    height > 0 &&
    width > 0 &&
    row + height <= raster.height &&
    column + width <= raster.width
  )
    return window;
  const reason = `rows ${row} to ${row + height}, columns ${column} to ${column + width} are not a part of ${raster.height} × ${raster.width} pixels`;
  throw failure('FIELD_INVALID', { field: `window of ${file}`, reason });
}
