/**
 * Bytes of data in one message of a server: gRPC's default limit of 4 MiB, without 64 KiB for the fields beside the
 * data. A client with default settings so receives every answer.
 */
export const defaultMessageBytes = 4 * 1024 * 1024 - 64 * 1024;

/** Consecutive rows of an array. */
export interface RowPiece {
  /** Index of the first row. */
  readonly first: number;
  readonly count: number;
  readonly bytes: Buffer;
}

/**
 * Returns how many rows fit one message; at least one.
 *
 * @param rowBytes bytes of a row, above 0
 */
export function rowsPerMessage(rowBytes: number): number {
  return Math.max(1, Math.floor(defaultMessageBytes / rowBytes));
}

/**
 * Cuts an array into pieces of whole rows that each fit one message. The pieces share the memory of the array.
 *
 * @param content all rows, one after the other
 * @param rowBytes bytes of a row, above 0
 */
export function* rowPieces(content: Uint8Array, rowBytes: number): Generator<RowPiece> {
  const rows = content.byteLength / rowBytes;
  const step = rowsPerMessage(rowBytes);
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    yield { first, count, bytes: Buffer.from(content.buffer, content.byteOffset + first * rowBytes, count * rowBytes) };
  }
}

/** Part of an array of rows and columns. */
interface Window {
  readonly row: number;
  readonly column: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Cuts a window into parts that each fit one message, from top to bottom and left to right: full rows, or parts of one
 * row where a row does not fit. In the values of the window, row by row, each part is one piece.
 *
 * @param pixelBytes bytes of a pixel
 */
export function* windowPieces(
  { row, column, height, width }: Window,
  pixelBytes: number,
): Generator<{ readonly window: Window; readonly first: number; readonly pixels: number }> {
  const most = Math.max(1, Math.floor(defaultMessageBytes / Math.max(1, pixelBytes)));
  const rows = Math.max(1, Math.floor(most / Math.max(1, width)));
  const columns = Math.min(most, width);
  for (let y = 0; y < height; y += rows) {
    for (let x = 0; x < width; x += columns) {
      const part = { height: Math.min(rows, height - y), width: Math.min(columns, width - x) };
      const window = { row: row + y, column: column + x, ...part };
      yield { window, first: y * width + x, pixels: part.height * part.width };
    }
  }
}
