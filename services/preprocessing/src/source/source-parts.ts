import { failure } from '@hyperswap/errors';
import type { PixelRows, PrepareSceneHeader, RasterInfo } from '@hyperswap/proto';
import type { RowsPart } from '../receive-scene.js';

/**
 * Returns a header with the raster of its source.
 *
 * @param header its raster, where it has one, may describe the bands in other words than the file
 * @param found raster as the file describes it
 * @throws FIELD_INVALID when the header's raster has another size or type, or there is a lookup table
 */
export function sourceHeader(header: PrepareSceneHeader, found: RasterInfo): PrepareSceneHeader {
  const { raster = found, lookupTable } = header;
  if (lookupTable !== undefined) throw invalid('header.lookup_table', 'a scene with a source has none');
  const isSame =
    raster.height === found.height &&
    raster.width === found.width &&
    raster.bands === found.bands &&
    raster.pixelType === found.pixelType;
  if (isSame) return { ...header, raster };
  const { height, width, bands } = found;
  const reason = `the file has ${height} × ${width} pixels of ${bands} bands, and another type or size than the header says`;
  throw invalid('header.raster', reason);
}

/**
 * Returns the pixels of a source, and then the label rows that the client sends.
 *
 * @throws FIELD_INVALID when it sends pixels too
 */
export async function* sourceParts(
  rows: AsyncIterable<PixelRows>,
  sent: AsyncIterable<RowsPart>,
): AsyncGenerator<RowsPart> {
  for await (const value of rows) yield { $case: 'pixels', value };
  for await (const part of sent) {
    if (part.$case === 'pixels') throw invalid('pixels', 'the header names a source that they are read from');
    yield part;
  }
}

function invalid(field: string, reason: string): Error {
  return failure('FIELD_INVALID', { field, reason });
}
