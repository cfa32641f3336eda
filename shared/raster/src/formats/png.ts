/**
 * PNG (W3C, "Portable Network Graphics", third edition): images of one channel, grey or with a palette, as labels are
 * drawn. Read here rather than by a library: those of npm inflate whatever a damaged file claims.
 */
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { failure } from '@hyperswap/errors';
import { emptyArray, type NumericArray } from '../array.js';
import type { RasterFormat } from '../raster-format.js';
import type { RasterClass, RasterInfo } from '../raster-info.js';
import type { RandomAccess } from '../source/random-access.js';
import { requireWindow } from '../window.js';
import { interlacePasses, unfilter } from './png/scan-lines.js';

const inflateAsync = promisify(inflate);
const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
const maximumFileBytes = 256 * 1024 ** 2;
const maximumPixels = 2 ** 28;
const channels = { grey: 0, palette: 3 } as const;

interface Png {
  readonly width: number;
  readonly height: number;
  /** Bits of a pixel. */
  readonly bits: number;
  readonly interlaced: boolean;
  readonly palette: readonly RasterClass[] | undefined;
  /** Compressed scan lines. */
  readonly data: Uint8Array;
}

export const pngFormat: RasterFormat = {
  name: 'PNG',
  sniff: (head) => signature.equals(head.subarray(0, signature.length)),
  open: async (source) => {
    const png = await readChunks(source);
    const { height, width } = png;
    const type = png.bits === 16 ? 'u2' : 'u1';
    const info: RasterInfo = {
      height,
      width,
      bands: 1,
      type,
      classes: png.palette,
      variables: [{ name: '', shape: [height, width], type }],
      variable: '',
    };
    const pixels = await decode(source.name, png);
    return {
      info,
      readWindow: (window, bands) => {
        const { row, column, ...size } = requireWindow(source.name, info, window);
        const count = bands?.length ?? 1;
        const result = emptyArray(type, size.height * size.width * count);
        for (let y = 0; y < size.height; y++) {
          for (let x = 0; x < size.width; x++) {
            const value = pixels[(row + y) * width + column + x]!;
            result.fill(value, (y * size.width + x) * count, (y * size.width + x + 1) * count);
          }
        }
        return Promise.resolve(result);
      },
      close: () => source.close(),
    };
  },
};

function invalid(file: string, reason: string, cause?: unknown): Error {
  return failure('FILE_FORMAT', { file, expected: 'PNG', reason }, cause);
}

async function readChunks(source: RandomAccess): Promise<Png> {
  const file = source.name;
  if (source.size > maximumFileBytes) throw invalid(file, `it has more than ${maximumFileBytes} bytes`);
  const bytes = Buffer.from(await source.read(0, source.size));
  let header: Buffer | undefined;
  let palette: RasterClass[] | undefined;
  const data: Buffer[] = [];
  for (let place = signature.length; ;) {
    if (place + 12 > bytes.length) throw invalid(file, 'it is truncated');
    const length = bytes.readUInt32BE(place);
    const type = bytes.toString('latin1', place + 4, place + 8);
    const chunk = bytes.subarray(place + 8, place + 8 + length);
    if (place + 12 + length > bytes.length) throw invalid(file, 'it is truncated');
    if (type === 'IEND') break;
    if (type === 'IHDR') header = chunk;
    if (type === 'IDAT') data.push(chunk);
    if (type === 'PLTE') palette = paletteOf(chunk);
    place += 12 + length;
  }
  if (header?.length !== 13) throw invalid(file, 'it has no header');
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [bits, color, interlace] = [header[8]!, header[9]!, header[12]!];
  if (width === 0 || height === 0 || width * height > maximumPixels) {
    throw invalid(file, `it claims ${height} × ${width} pixels; up to ${maximumPixels} are read`);
  }
  if (color !== channels.grey && color !== channels.palette) {
    throw invalid(file, 'it is a colour picture; labels are read from PNG files with a palette or in grey');
  }
  const isDepth = [1, 2, 4, 8].includes(bits) || (bits === 16 && color === channels.grey);
  if (!isDepth || interlace > 1) throw invalid(file, `its header claims ${bits} bits, interlace ${interlace}`);
  const isPaletted = color === channels.palette;
  if (isPaletted && palette === undefined) throw invalid(file, 'it has no palette');
  return {
    width,
    height,
    bits,
    interlaced: interlace === 1,
    palette: isPaletted ? palette : undefined,
    data: Buffer.concat(data),
  };
}

function paletteOf(chunk: Uint8Array): RasterClass[] {
  return Array.from({ length: Math.min(256, Math.floor(chunk.length / 3)) }, (_, value) => {
    const [red, green, blue] = [chunk[3 * value]!, chunk[3 * value + 1]!, chunk[3 * value + 2]!];
    return { value, color: (red << 16) | (green << 8) | blue };
  });
}

/** @returns `[height, width]` */
async function decode(file: string, { width, height, bits, interlaced, data }: Png): Promise<NumericArray> {
  const passes = interlacePasses(width, height, interlaced);
  const lineBytes = (columns: number): number => Math.ceil((columns * bits) / 8);
  const wanted = passes.reduce((sum, { columns, rows }) => sum + rows * (1 + lineBytes(columns)), 0);
  const lines = await inflateAsync(data, { maxOutputLength: wanted }).catch((cause: unknown) => {
    throw invalid(file, 'its data are damaged, or more than its header claims', cause);
  });
  if (lines.length !== wanted) throw invalid(file, `its data are ${lines.length} bytes, its header claims ${wanted}`);
  const pixels = emptyArray(bits === 16 ? 'u2' : 'u1', width * height);
  let place = 0;
  for (const { columns, rows, left, top, across, down } of passes) {
    let above: Uint8Array = new Uint8Array(lineBytes(columns));
    for (let y = 0; y < rows; y++) {
      const line = lines.subarray(place + 1, place + 1 + above.length);
      const filter = lines[place]!;
      if (filter > 4) throw invalid(file, `it has the filter ${filter}, which there is not`);
      unfilter(filter, line, above, Math.max(1, bits / 8));
      for (let x = 0; x < columns; x++) {
        const pixel = (top + y * down) * width + left + x * across;
        if (bits === 16) pixels[pixel] = (line[2 * x]! << 8) | line[2 * x + 1]!;
        else pixels[pixel] = (line[(x * bits) >> 3]! >> (8 - bits - ((x * bits) & 7))) & ((1 << bits) - 1);
      }
      above = line;
      place += 1 + line.length;
    }
  }
  return pixels;
}
