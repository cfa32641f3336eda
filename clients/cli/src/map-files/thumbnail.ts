/** Longest side of a picture's maps in pixels. */
const longestSide = 2000;

/** Every k-th pixel of every k-th row of a raster of one byte a pixel, so that a picture of it stays small. */
export class Thumbnail {
  readonly height: number;
  readonly width: number;
  readonly values: Uint8Array;
  private readonly step: number;

  constructor(height: number, width: number) {
    this.step = Math.max(1, Math.ceil(Math.max(height, width) / longestSide));
    this.height = Math.ceil(height / this.step);
    this.width = Math.ceil(width / this.step);
    this.values = new Uint8Array(this.height * this.width);
  }

  /** @param first row of `rows` in the raster @param rows some full rows */
  add(first: number, rows: Uint8Array, width: number): void {
    const { step } = this;
    for (let row = Math.ceil(first / step) * step; (row - first) * width < rows.length; row += step) {
      for (let x = 0; x < this.width; x++) {
        this.values[(row / step) * this.width + x] = rows[(row - first) * width + x * step]!;
      }
    }
  }
}
