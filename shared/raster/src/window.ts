/** A rectangle of pixels: rows `[row, row + height)`, columns `[column, column + width)`. */
export interface Window {
  readonly row: number;
  readonly column: number;
  readonly height: number;
  readonly width: number;
}
