/**
 * Bytes of data in one message of a server: gRPC's default limit of 4 MiB, without 64 KiB for the fields beside the data.
 * A client with default settings so receives every answer.
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
