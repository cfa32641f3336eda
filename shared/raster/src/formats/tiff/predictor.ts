import { setImmediate } from 'node:timers/promises';

/** Layout of the rows of a block. */
export interface RowLayout {
  /** Samples of a row. */
  readonly rowValues: number;
  /** Samples from one value to the next of its band. */
  readonly stride: number;
  /** Bytes of a sample. */
  readonly bytes: number;
  readonly littleEndian: boolean;
}

/** Number of decoded bytes between two yields to the event loop. */
const turnBytes = 8 * 1024 ** 2;

/**
 * Turns differences back into values, in place: TIFF 6.0 section 14 (predictor 2), Adobe's "TIFF Technical Note 3"
 * (predictor 3), as libtiff does: values are brought to this machine's byte order first, and predictor 3 has one order
 * in all files.
 *
 * @returns true if the bytes are in this machine's order (little-endian) now, no matter what the order of the file is
 */
export async function undoPredictor(
  block: Uint8Array<ArrayBuffer>,
  predictor: number,
  layout: RowLayout,
): Promise<boolean> {
  if (predictor === 1) return false;
  const { rowValues, bytes, littleEndian } = layout;
  const rowBytes = rowValues * bytes;
  const copy = new Uint8Array(rowBytes);
  let turn = 0;
  for (let start = 0; start < block.byteLength; start += rowBytes) {
    const row = block.subarray(start, start + rowBytes);
    if (predictor === 3) undoFloatingPoint(row, copy, layout);
    else undoHorizontal(row, littleEndian, layout);
    if ((turn += rowBytes) > turnBytes) {
      turn = 0;
      await setImmediate();
    }
  }
  return true;
}

function undoHorizontal(
  row: Uint8Array<ArrayBuffer>,
  littleEndian: boolean,
  { rowValues, stride, bytes }: RowLayout,
): void {
  const { buffer, byteOffset, byteLength } = row;
  const swapped = Buffer.from(buffer, byteOffset, byteLength);
  if (!littleEndian && bytes === 2) swapped.swap16();
  if (!littleEndian && bytes === 4) swapped.swap32();
  if (!littleEndian && bytes === 8) swapped.swap64();
  if (bytes === 8) {
    const words = new BigUint64Array(buffer, byteOffset, rowValues);
    for (let i = stride; i < rowValues; i++) words[i] = words[i]! + words[i - stride]!;
    return;
  }
  const type = bytes === 1 ? Uint8Array : bytes === 2 ? Uint16Array : Uint32Array;
  const values = new type(buffer, byteOffset, rowValues);
  for (let i = stride; i < rowValues; i++) values[i]! += values[i - stride]!;
}

/** Bytes of a row lie by significance, the most significant of all samples first, as differences. */
function undoFloatingPoint(row: Uint8Array, copy: Uint8Array, { rowValues, stride, bytes }: RowLayout): void {
  for (let i = stride; i < row.byteLength; i++) row[i]! += row[i - stride]!;
  copy.set(row);
  for (let byte = 0; byte < bytes; byte++) {
    const from = (bytes - 1 - byte) * rowValues;
    for (let i = 0; i < rowValues; i++) row[i * bytes + byte] = copy[from + i]!;
  }
}
