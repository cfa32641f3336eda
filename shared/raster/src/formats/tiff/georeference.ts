/** Place of a GeoTIFF on Earth: OGC 19-008r4 (GeoTIFF 1.1), read as GDAL does. */
import type { AffineTransform, Crs } from '../../raster-info.js';
import { tags, type TiffDirectory } from './directory.js';

const modelType = 1024;
const rasterType = 1025;
const geographicCrs = 2048;
const projectedCrs = 3072;
const pixelIsPoint = 2;
const geographicModel = 2;
const userDefined = 32767;

export async function readGeoreference(directory: TiffDirectory): Promise<{ crs?: Crs; transform?: AffineTransform }> {
  const keys = await readKeys(directory);
  const transform = await readTransform(directory, keys.get(rasterType) === pixelIsPoint);
  const epsg = keys.get(keys.get(modelType) === geographicModel ? geographicCrs : projectedCrs);
  const crs = epsg === undefined || epsg <= 0 || epsg >= userDefined ? undefined : { epsg };
  return { ...(crs && { crs }), ...(transform && { transform }) };
}

async function readTransform(directory: TiffDirectory, isPoint: boolean): Promise<AffineTransform | undefined> {
  const matrix = await directory.numbers(tags.modelTransformation);
  const scale = await directory.numbers(tags.modelPixelScale);
  const tiepoints = await directory.numbers(tags.modelTiepoint);
  let transform: AffineTransform;
  if (scale.length >= 2 && scale[0] !== 0 && scale[1] !== 0 && tiepoints.length >= 6) {
    const [column, row, , x, y] = tiepoints as [number, number, number, number, number];
    const [a, e] = [scale[0]!, -Math.abs(scale[1]!)];
    transform = [a, 0, x - column * a, 0, e, y - row * e];
  } else if (matrix.length === 16) {
    transform = [matrix[0]!, matrix[1]!, matrix[3]!, matrix[4]!, matrix[5]!, matrix[7]!];
  } else return undefined;
  if (!transform.every(Number.isFinite)) return undefined;
  if (!isPoint) return transform;
  // Coordinates are those of pixels' centres.
  const [a, b, c, d, e, f] = transform;
  return [a, b, c - (a + b) / 2, d, e, f - (d + e) / 2];
}

/** Keys whose value stands in the directory itself. */
async function readKeys(directory: TiffDirectory): Promise<Map<number, number>> {
  const words = await directory.numbers(tags.geoKeys);
  const keys = new Map<number, number>();
  for (let i = 4; i + 3 < words.length; i += 4) if (words[i + 1] === 0) keys.set(words[i]!, words[i + 3]!);
  return keys;
}
