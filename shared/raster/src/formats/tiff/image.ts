import type { StorageType } from '../../array.js';
import type { RandomAccess } from '../../source/random-access.js';
import { invalid, tags, type TiffDirectory } from './directory.js';

/** Layout of the pixels of an image. */
export interface TiffImage {
  readonly directory: TiffDirectory;
  readonly height: number;
  readonly width: number;
  readonly samples: number;
  /** Bits of a sample. */
  readonly bits: number;
  /** Type of the samples, once they are whole bytes. */
  readonly type: StorageType;
  readonly compression: number;
  readonly predictor: number;
  /** Each block holds one band. */
  readonly planar: boolean;
  /** Height and width of a block: a tile or a strip. */
  readonly blockHeight: number;
  readonly blockWidth: number;
  readonly offsets: readonly number[];
  readonly byteCounts: readonly number[];
}

const maximumSide = 2 ** 31 - 1;
const maximumSamples = 65_535;

/** Reads how an image is stored. @throws FILE_FORMAT for what would be decoded wrongly or not at all */
export async function readImage(source: RandomAccess, directory: TiffDirectory): Promise<TiffImage> {
  const refuse = (reason: string): Error => invalid(source.name, reason);
  const [height, width] = [await directory.number(tags.height), await directory.number(tags.width)];
  const samples = await directory.number(tags.samplesPerPixel, 1);
  if (
    ![height, width, samples].every((size) => Number.isInteger(size) && size > 0 && size <= maximumSide) ||
    samples > maximumSamples
  ) {
    throw refuse(`an image of ${height} × ${width} × ${samples} cannot be`);
  }
  const bitList = directory.has(tags.bitsPerSample) ? await directory.numbers(tags.bitsPerSample) : [1];
  const formats = directory.has(tags.sampleFormat) ? await directory.numbers(tags.sampleFormat) : [1];
  const bits = bitList[0]!;
  if (bitList.some((value) => value !== bits) || formats.some((value) => value !== formats[0])) {
    throw refuse('its bands are of different types');
  }
  const type = storageType(formats[0]!, bits);
  if (type === undefined) throw refuse(`samples of ${bits} bits and format ${formats[0]!} are not read`);
  if ((await directory.number(tags.fillOrder, 1)) !== 1) throw refuse('its bits lie in reverse order (FillOrder 2)');
  const predictor = await directory.number(tags.predictor, 1);
  if (
    ![1, 2, 3].includes(predictor) ||
    (predictor === 3 && !type.startsWith('f')) ||
    (predictor !== 1 && bits % 8 !== 0)
  ) {
    throw refuse(`predictor ${predictor} does not go with samples of ${bits} bits and format ${formats[0]!}`);
  }
  const tiled = directory.has(tags.tileOffsets);
  const blockWidth = tiled ? await directory.number(tags.tileWidth) : width;
  const rows = tiled ? await directory.number(tags.tileHeight) : await directory.number(tags.rowsPerStrip, height);
  const blockHeight = tiled ? rows : Math.min(rows, height);
  if (blockHeight < 1 || blockWidth < 1 || blockHeight > maximumSide || blockWidth > maximumSide)
    throw refuse('its blocks have no size');
  const planar = (await directory.number(tags.planarConfiguration, 1)) === 2 && samples > 1;
  const compression = await directory.number(tags.compression, 1);
  const blocks = Math.ceil(height / blockHeight) * Math.ceil(width / blockWidth) * (planar ? samples : 1);
  const offsets = await directory.numbers(tiled ? tags.tileOffsets : tags.stripOffsets);
  let byteCounts = await directory.numbers(tiled ? tags.tileByteCounts : tags.stripByteCounts);
  if (byteCounts.length === 0 && compression === 1 && blocks === 1) {
    byteCounts = [height * Math.ceil((width * samples * bits) / 8)];
  }
  if (offsets.length < blocks || byteCounts.length < blocks) {
    throw refuse(`it has ${Math.min(offsets.length, byteCounts.length)} of its ${blocks} blocks`);
  }
  return {
    directory,
    height,
    width,
    samples,
    bits,
    type,
    compression,
    predictor,
    planar,
    blockHeight,
    blockWidth,
    offsets,
    byteCounts,
  };
}

function storageType(format: number, bits: number): StorageType | undefined {
  const bytes = bits / 8;
  if (format === 3) return bytes === 2 || bytes === 4 || bytes === 8 ? `f${bytes}` : undefined;
  if (format === 2) return bytes === 1 || bytes === 2 || bytes === 4 || bytes === 8 ? `i${bytes}` : undefined;
  if (format !== 1 && format !== 4) return undefined;
  if (bits === 64) return 'u8';
  // 24 bits are whole bytes in the file's byte order, unlike other odd widths.
  if (!Number.isInteger(bits) || bits < 1 || bits > 32 || bits === 24) return undefined;
  if (bits <= 8) return 'u1';
  return bits <= 16 ? 'u2' : 'u4';
}
