/** LZW as TIFF 6.0 section 13 has it: codes of 9 to 12 bits, the most significant bit first, widened one code early. */

const clearCode = 256;
const endCode = 257;
const firstFree = 258;
const tableSize = 4096;

/**
 * Unpacks a block. The library geotiff never ends on some damaged blocks; this one takes each code once, and stops at
 * `limit` bytes.
 *
 * @returns the bytes, at most `limit`; fewer when the block ends before
 * @throws Error when a code is none
 */
export function unpackLzw(packed: Uint8Array, limit: number): Uint8Array {
  const result = new Uint8Array(limit);
  // Expansion of a code: the bytes of another code, and one more.
  const before = new Uint16Array(tableSize);
  const last = new Uint8Array(tableSize);
  const lengths = new Uint16Array(tableSize);
  for (let code = 0; code < clearCode; code++) {
    last[code] = code;
    lengths[code] = 1;
  }
  if (packed[0] === 0 && (packed[1]! & 1) === 1) throw new Error('it is LZW of before TIFF 6.0, which is not read');
  let free = firstFree;
  let width = 9;
  let previous = -1;
  let place = 0;
  let bits = 0;
  let held = 0;
  for (let next = 0; place < limit;) {
    while (bits < width) {
      if (next === packed.byteLength) return result.subarray(0, place);
      held = ((held << 8) | packed[next++]!) & 0xffffff;
      bits += 8;
    }
    bits -= width;
    const code = (held >> bits) & ((1 << width) - 1);
    if (code === endCode) break;
    if (code === clearCode) {
      free = firstFree;
      width = 9;
      previous = -1;
      continue;
    }
    if (code > free || (code === free && previous < 0))
      throw new Error(`it has the LZW code ${code}, which is not defined yet`);
    // A code that is made just now repeats the first byte of the one before.
    const known = code === free ? previous : code;
    const length = lengths[known]!;
    const end = place + length;
    let byte = 0;
    for (let at = end - 1, from = known; at >= place; at--, from = before[from]!) {
      byte = last[from]!;
      if (at < limit) result[at] = byte;
    }
    if (code === free && end < limit) result[end] = byte;
    if (previous >= 0 && free < tableSize) {
      before[free] = previous;
      last[free] = byte;
      lengths[free] = lengths[previous]! + 1;
      free += 1;
    }
    place = code === free - 1 && known !== code ? end + 1 : end;
    previous = code;
    if (free + 1 >= 1 << width && width < 12) width += 1;
  }
  return result.subarray(0, Math.min(place, limit));
}

/** PackBits, TIFF 6.0 section 9. @returns the bytes, at most `limit` */
export function unpackPackBits(packed: Uint8Array, limit: number): Uint8Array {
  const result = new Uint8Array(limit);
  let place = 0;
  for (let next = 0; next < packed.byteLength && place < limit;) {
    const count = (packed[next++]! << 24) >> 24;
    if (count === -128) continue;
    if (count >= 0) {
      const piece = packed.subarray(next, next + Math.min(count + 1, limit - place));
      result.set(piece, place);
      place += piece.byteLength;
      next += count + 1;
    } else {
      const end = Math.min(place + 1 - count, limit);
      if (next < packed.byteLength) result.fill(packed[next]!, place, end);
      place = end;
      next += 1;
    }
  }
  return result.subarray(0, place);
}
