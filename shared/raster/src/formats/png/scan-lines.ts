/** Scan lines of PNG: filters (section 9) and Adam7 interlacing (section 8). */

/** One pass: its pixels, and where they lie in the image. */
export interface InterlacePass {
  readonly columns: number;
  readonly rows: number;
  readonly left: number;
  readonly top: number;
  /** Pixels from one column to the next. */
  readonly across: number;
  /** Pixels from one row to the next. */
  readonly down: number;
}

/** Left, top, across, down. */
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Returns the passes of an image that hold pixels: one, or up to seven of an interlaced image. */
export function interlacePasses(width: number, height: number, interlaced: boolean): InterlacePass[] {
  return (interlaced ? adam7 : [[0, 0, 1, 1] as const])
    .map(([left, top, across, down]) => ({
      columns: Math.ceil((width - left) / across),
      rows: Math.ceil((height - top) / down),
      left,
      top,
      across,
      down,
    }))
    .filter(({ columns, rows }) => columns > 0 && rows > 0);
}

/**
 * Undoes the filter of a line, in place.
 *
 * @param filter 0 to 4
 * @param above the line above, unfiltered; zeros for the first
 * @param step bytes of a pixel, at least 1
 */
export function unfilter(filter: number, line: Uint8Array, above: Uint8Array, step: number): void {
  for (let i = 0; i < line.length; i++) {
    const left = i < step ? 0 : line[i - step]!;
    const up = above[i]!;
    const corner = i < step ? 0 : above[i - step]!;
    line[i] = line[i]! + predicted(filter, left, up, corner);
  }
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
      return a <= b && a <= c ? left : b <= c ? up : corner;
    }
    default:
      return 0;
  }
}
