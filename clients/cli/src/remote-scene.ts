/** Scenes that the services read themselves: objects of their store, and files at URLs. */
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import { applyOptions, type RasterReader, type ReadOptions } from '@hyperswap/raster';
import { callUnary } from '@hyperswap/rpc';
import { rasterType } from './pixel-type.js';
import type { Session } from './session.js';
import type { RemotePlace, UploadFile } from './upload-file.js';

/** Tells a URL or `store:KEY` from a file of this machine. */
export function isRemotePlace(given: string): boolean {
  return /^(https?:\/\/|store:)/i.test(given);
}

/** Returns a file that the service reads itself. */
export function remoteFile(place: string): UploadFile {
  return { name: path.posix.basename(place.replace(/^store:/i, '')), content: { place } };
}

/**
 * Returns the description of a raster that the service reads itself, with the user's options in place of it.
 *
 * @throws FIELD_INVALID for options of reading that the service does not take, and for those that do not fit the
 * raster; errors of the service
 */
export async function describeRemote(
  { scenes, signal }: Session,
  { place }: RemotePlace,
  options: ReadOptions = {},
): Promise<RasterReader> {
  const { variable, axes, mask } = options;
  const refuse = (field: string): Error =>
    failure('FIELD_INVALID', { field, reason: 'it does not go with a scene that the service reads itself' });
  if (variable !== undefined) throw refuse('--variable');
  if (axes !== undefined) throw refuse(`--${axes}`);
  if (mask !== undefined && mask !== 'none') throw refuse('--mask');
  const { raster } = await callUnary(scenes, 'describeSceneSource', { source: place }, { signal });
  const { height, width, bands, pixelType, wavelengths, fullWidths, goodBands, georeference, ...rest } = raster!;
  const [a, b, c, d, e, f] = georeference?.transform ?? [];
  const info = {
    ...rest,
    ...{ height, width, bands, type: rasterType(pixelType), variables: [], variable: '' },
    ...(wavelengths.length > 0 && { wavelengths }),
    ...(fullWidths.length > 0 && { fullWidths }),
    ...(goodBands.length > 0 && { goodBands }),
    ...(georeference && {
      transform: [a!, b!, c!, d!, e!, f!] as const,
      crs: {
        ...(georeference.epsg !== 0 && { epsg: georeference.epsg }),
        ...(georeference.crsWkt !== '' && { wkt: georeference.crsWkt }),
      },
    }),
  };
  return {
    info: applyOptions(place, info, options),
    readWindow: () => Promise.reject(failure('FILE_UNREADABLE', { file: place, reason: 'only the services read it' })),
    close: () => Promise.resolve(),
  };
}
