/** Rows of a scene that one step of a training sees. */
export interface Strip {
  /** First row, and the row after the last. */
  readonly top: number;
  readonly bottom: number;
  /** Rows whose prediction counts. */
  readonly from: number;
  readonly to: number;
}

/** Rows that neighbouring strips share, as the authors have it. */
const overlap = 10;

/**
 * Cuts a scene into as few strips of rows as fit a number of pixels. A strip has at least 20 rows, so that a scene that
 * is wider than `mostPixels / 20` exceeds the number.
 */
export function stripsOf(height: number, width: number, mostPixels: number): Strip[] {
  const rows = Math.max(2 * overlap, Math.floor(mostPixels / width));
  const count = height <= rows ? 1 : Math.ceil((height - overlap) / (rows - overlap));
  const step = (height - overlap) / count;
  return Array.from({ length: count }, (_, strip) => {
    const top = Math.round(strip * step);
    const bottom = Math.round((strip + 1) * step) + overlap;
    const from = strip === 0 ? 0 : top + overlap / 2;
    const to = strip === count - 1 ? height : bottom - overlap / 2;
    return { top, bottom: Math.min(height, bottom), from, to };
  });
}
