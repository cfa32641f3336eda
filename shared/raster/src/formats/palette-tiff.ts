/**
 * Labels as a palette TIFF, uncompressed: TIFF 6.0, section 5. Image libraries of Node either write no palette or, as geotiff 3,
 * have no room for one of 256 colours; the format is small.
 */
type Field = readonly [tag: number, type: 3 | 4, values: readonly number[]];

/**
 * @param labels `[height, width]`, 0 for unlabelled, drawn black
 * @param colors of the classes from 1, as 0xRRGGBB
 * @returns the file
 */
export function writePaletteTiff(
  labels: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
  colors: readonly number[],
): Uint8Array {
  const palette = Array.from({ length: 256 }, (_, value) => colors[value - 1] ?? 0);
  // The colour map holds all reds, then all greens, then all blues, in 16 bits.
  const colorMap = [16, 8, 0].flatMap((shift) => palette.map((color) => ((color >> shift) & 0xff) * 257));
  const pixelOffset = 8;
  const fields: Field[] = [
    [256, 4, [width]],
    [257, 4, [height]],
    [258, 3, [8]], // bits a sample
    [259, 3, [1]], // no compression
    [262, 3, [3]], // palette
    [273, 4, [pixelOffset]],
    [277, 3, [1]], // samples a pixel
    [278, 4, [height]], // rows a strip
    [279, 4, [labels.length]],
    [320, 3, colorMap],
  ];
  const directoryOffset = pixelOffset + labels.length + (labels.length % 2);
  const valuesOffset = directoryOffset + 2 + fields.length * 12 + 4;
  const file = Buffer.alloc(valuesOffset + colorMap.length * 2);
  file.write('II*\0', 0, 'latin1');
  file.writeUInt32LE(directoryOffset, 4);
  file.set(labels, pixelOffset);
  file.writeUInt16LE(fields.length, directoryOffset);
  fields.forEach(([tag, type, values], i) => {
    const entry = directoryOffset + 2 + i * 12;
    file.writeUInt16LE(tag, entry);
    file.writeUInt16LE(type, entry + 2);
    file.writeUInt32LE(values.length, entry + 4);
    if (values.length > 1) {
      file.writeUInt32LE(valuesOffset, entry + 8);
      values.forEach((value, k) => file.writeUInt16LE(value, valuesOffset + 2 * k));
    } else if (type === 3) file.writeUInt16LE(values[0]!, entry + 8);
    else file.writeUInt32LE(values[0]!, entry + 8);
  });
  return file;
}
