import { failure, HyperswapError } from '@hyperswap/errors';
import { formats } from './formats/formats.js';
import { maskRaster } from './mask.js';
import type { ReadOptions } from './raster-format.js';
import type { RasterInfo, RasterReader } from './raster-info.js';
import { cacheRows } from './row-cache.js';
import { openFile, type RandomAccess } from './source/random-access.js';

/** Number of bytes that identify a format. */
const headBytes = 512;
/** More values than any raster has that is read: pixels times bands fit 2^53 with room for their bytes. */
const maximumValues = 2 ** 45;
const maximumBands = 65_535;

/**
 * Opens the raster in a file of any format; the content decides which, the name only where the content does not.
 *
 * @param file path, or the file itself, which the reader closes
 * @throws FILE_UNREADABLE, FILE_FORMAT, VARIABLE_MISSING, AXES_AMBIGUOUS, SCENE_SHAPE, FIELD_INVALID when options do
 * not fit the raster
 */
export async function openRaster(file: string | RandomAccess, options: ReadOptions = {}): Promise<RasterReader> {
  const source = typeof file === 'string' ? await openFile(file) : file;
  try {
    const head = await source.read(0, Math.min(headBytes, source.size));
    const beside = await source.siblings();
    const format = formats.find((known) => known.sniff(head, source.name, beside));
    if (format === undefined) {
      const expected = formats.map(({ name }) => name).join(', ');
      throw failure('FILE_FORMAT', { file: source.name, expected, reason: 'it begins like none of them' });
    }
    const reader = await format.open(source, options);
    const info = applyOptions(source.name, reader.info, options);
    if (info.bands > maximumBands || info.height * info.width * info.bands > maximumValues) {
      const reason = `it claims ${info.height} × ${info.width} pixels of ${info.bands} bands`;
      throw failure('FILE_FORMAT', { file: source.name, expected: format.name, reason });
    }
    return cacheRows(source.name, await withMask(source, { ...reader, info }, options));
  } catch (error) {
    await source.close();
    if (error instanceof HyperswapError) throw error;
    // A library failed on a damaged file.
    const reason = error instanceof Error ? error.message : String(error);
    throw failure('FILE_FORMAT', { file: source.name, expected: 'raster', reason }, error);
  }
}

/**
 * Returns a raster without the pixels that a mask flags: the one that the user names, or that of the product beside the
 * file.
 */
async function withMask(source: RandomAccess, raster: RasterReader, { mask }: ReadOptions): Promise<RasterReader> {
  const beside = mask === undefined ? raster.maskBeside : undefined;
  if (mask === 'none' || (mask === undefined && beside === undefined)) return raster;
  const opened = beside === undefined ? await openFile(mask!.file) : await source.sibling(beside);
  const found = await openRaster(opened, { variable: mask?.variable, content: 'labels', mask: 'none' });
  try {
    return maskRaster(source.name, raster, { file: opened.name, raster: found });
  } catch (error) {
    await found.close();
    throw error;
  }
}

/**
 * Returns the file's description of its raster, with the user's options in place of it.
 *
 * @throws FIELD_INVALID when they do not fit it
 */
export function applyOptions(
  file: string,
  info: RasterInfo,
  { nodata, scale, wavelengths, badBands = [] }: ReadOptions,
): RasterInfo {
  const { bands } = info;
  const invalid = (field: string, reason: string): Error =>
    failure('FIELD_INVALID', { field, reason: `${reason} (${file})` });
  const outside = badBands.find((band) => !Number.isInteger(band) || band < 1 || band > bands);
  if (outside !== undefined) throw invalid('--bad-bands', `${outside} is not one of the bands 1 to ${bands}`);
  if (wavelengths !== undefined && wavelengths.wavelengths.length !== bands) {
    throw invalid(
      '--wavelengths',
      `it has ${wavelengths.wavelengths.length} wavelengths, the raster has ${bands} bands`,
    );
  }
  const good = info.goodBands ?? new Array<boolean>(bands).fill(true);
  const bad = new Set(badBands);
  return {
    ...info,
    ...(nodata !== undefined && { nodata }),
    ...(scale !== undefined && { scale, offset: 0 }),
    ...wavelengths,
    ...(badBands.length > 0 && { goodBands: good.map((isGood, band) => isGood && !bad.has(band + 1)) }),
  };
}
