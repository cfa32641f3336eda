/** A rectangle of pixels: rows `[row, row + height)`, columns `[column, column + width)`. */
export interface Window {
  readonly row: number;
  readonly column: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Copies the values of a window to their place in a raster of one value a pixel.
 *
 * @param target `[rows, width]`, row by row
 * @param width columns of the target
 * @param values `[window.height, window.width]`, row by row
 */
export function placeWindow(target: Uint8Array, width: number, window: Window, values: Uint8Array): void {
  for (let y = 0; y < window.height; y++) {
    const row = values.subarray(y * window.width, (y + 1) * window.width);
    target.set(row, (window.row + y) * width + window.column);
  }
}
