import { failure } from '@hyperswap/errors';
import type { GeoTIFFImage } from 'geotiff';
import { elementCount, type GeoTransform, type NumericArray, type RasterArray } from './array.js';
import { isMat5, readMat5 } from './formats/mat5.js';
import { isNpy, readNpy } from './formats/npy.js';

/**
 * Reads one array out of a file of any format we know; the content decides which, not the file's name.
 *
 * @param file named in errors
 * @param variable which one, for files that hold several; undefined takes the only one of `dimensions` dimensions
 * @throws FILE_FORMAT, VARIABLE_MISSING
 */
export async function readArray(
  file: string,
  bytes: Uint8Array,
  dimensions: number,
  variable?: string,
): Promise<RasterArray> {
  if (isNpy(bytes)) return readNpy(file, bytes);
  if (isMat5(bytes)) return chooseVariable(file, readMat5(file, bytes), dimensions, variable);
  if (isTiff(bytes)) return readTiff(file, bytes, dimensions);
  if (Buffer.from(bytes.subarray(1, 4)).toString('latin1') === 'HDF') {
    throw failure('FILE_FORMAT', {
      file,
      expected: 'scene',
      reason: 'it is HDF5 (MATLAB v7.3), which is not read yet; save it with "save -v7" or as .npy',
    });
  }
  throw failure('FILE_FORMAT', { file, expected: 'NumPy, MATLAB v5 or TIFF', reason: 'it begins like none of them' });
}

function chooseVariable(
  file: string,
  variables: ReadonlyMap<string, RasterArray>,
  dimensions: number,
  wanted: string | undefined,
): RasterArray {
  const listed = [...variables].map(([name, { shape }]) => `${name} [${shape.join(', ')}]`).join(', ') || 'none';
  if (wanted !== undefined) {
    const found = variables.get(wanted);
    if (found === undefined) throw failure('VARIABLE_MISSING', { file, wanted, found: listed });
    return found;
  }
  const isCandidate = ({ shape }: RasterArray): boolean =>
    dimensions === 3 ? shape.length === 3 : shape.length === 2 && Math.min(...shape) > 1;
  const candidates = [...variables.values()].filter(isCandidate);
  if (candidates.length === 1) return candidates[0]!;
  throw failure('VARIABLE_MISSING', { file, wanted: `of ${dimensions} dimensions`, found: listed });
}

function isTiff(bytes: Uint8Array): boolean {
  const magic = Buffer.from(bytes.subarray(0, 4)).toString('latin1');
  return magic === 'II*\0' || magic === 'MM\0*' || magic === 'II+\0' || magic === 'MM\0+';
}

async function readTiff(file: string, bytes: Uint8Array, dimensions: number): Promise<RasterArray> {
  try {
    // Loaded on use: its worker pool takes any worker thread it is imported in, the executor's too, for one of its own.
    const { fromArrayBuffer } = await import('geotiff');
    const tiff = await fromArrayBuffer(new Uint8Array(bytes).buffer);
    const image = await tiff.getImage();
    const values = (await image.readRasters({ interleave: true })) as unknown as NumericArray;
    const plane = [image.getHeight(), image.getWidth()];
    const samples = image.getSamplesPerPixel();
    const shape = dimensions === 2 && samples === 1 ? plane : [...plane, samples];
    if (values.length !== elementCount(shape)) throw new Error('its pixels do not fill its size');
    return { shape, values, geoTransform: geoTransformOf(image) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw failure('FILE_FORMAT', { file, expected: 'TIFF', reason }, cause);
  }
}

/** Where a TIFF says it lies, if it does, and is not turned. */
function geoTransformOf(image: GeoTIFFImage): GeoTransform | undefined {
  try {
    const [originX, originY] = image.getOrigin() as [number, number];
    const [pixelWidth, pixelHeight] = image.getResolution() as [number, number];
    return { originX, originY, pixelWidth, pixelHeight };
  } catch {
    // The library throws where there is no affine transformation.
    return undefined;
  }
}
