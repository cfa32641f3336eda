import { emptyArray, type ElementType, type NumericArray, type StorageType } from '../../array.js';

/**
 * Unpacks samples of 1 to 31 bits, the most significant bit first; rows begin at whole bytes (TIFF 6.0,
 * "BitsPerSample").
 *
 * @returns `[height, rowValues]`
 */
export function unpackBits(
  bytes: Uint8Array,
  {
    height,
    rowValues,
    bits,
    type,
  }: { readonly height: number; readonly rowValues: number; readonly bits: number; readonly type: StorageType },
): NumericArray {
  const values = emptyArray(type as ElementType, height * rowValues);
  const rowBytes = Math.ceil((rowValues * bits) / 8);
  for (let row = 0; row < height; row++) {
    let place = row * rowBytes;
    let held = 0;
    let heldBits = 0;
    for (let i = 0; i < rowValues; i++) {
      let value = 0;
      for (let wanted = bits; wanted > 0;) {
        if (heldBits === 0) {
          held = bytes[place++]!;
          heldBits = 8;
        }
        const taken = Math.min(wanted, heldBits);
        value = value * 2 ** taken + ((held >> (heldBits - taken)) & ((1 << taken) - 1));
        heldBits -= taken;
        wanted -= taken;
      }
      values[row * rowValues + i] = value;
    }
  }
  return values;
}
