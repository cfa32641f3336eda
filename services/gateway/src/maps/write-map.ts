import { completeClasses } from '@hyperswap/map';
import type { AdapterVersion, MapRows, Scene, SceneJob } from '@hyperswap/proto';
import { classValues, CogWriter, OutputFolder, qmlStyle, type AffineTransform } from '@hyperswap/raster';

const cogType = 'image/tiff; application=geotiff; profile=cloud-optimized';

/**
 * Media types of the files of a map that the gateway writes. `probabilities.tif` is there only where the job kept
 * probabilities.
 */
export const mapFileTypes = {
  'labels.tif': cogType,
  'confidence.tif': cogType,
  'probabilities.tif': cogType,
  'labels.qml': 'application/xml',
} as const;
export type MapFile = keyof typeof mapFileTypes;

export function isMapFile(name: string): name is MapFile {
  return Object.hasOwn(mapFileTypes, name);
}

/**
 * Writes the map of a job as Cloud Optimized GeoTIFFs, row by row on arrival. All files appear together.
 *
 * @param scene that the map is of, for its georeference; undefined if the scene was deleted: the map then has no
 * georeference
 * @throws FILE_UNWRITABLE, and errors of the rows
 */
export async function writeMap(
  directory: string,
  { height, width, adapter, probabilities: hasProbabilities }: SceneJob,
  scene: Scene | undefined,
  rows: AsyncIterable<MapRows>,
): Promise<void> {
  const folder = await OutputFolder.open(directory);
  try {
    const { name, version, classes: given } = adapter!;
    const classes = completeClasses(given, 0);
    const values = classValues(classes);
    const facts = { SCENE: scene?.name ?? '', ADAPTER: `${name}@${version}` };
    const common = { height, width, facts, ...placeOf(scene) };
    const palette = classes.map(({ color }) => color);
    const labels = await CogWriter.create(folder, 'labels.tif', {
      ...{ ...common, palette, values, overviews: 'mode', descriptions: ['land cover'] },
    });
    const shares = { ...common, scale: 1 / 255, overviews: 'mean' } as const;
    const confidence = await CogWriter.create(folder, 'confidence.tif', {
      ...{ ...shares, nodata: 0, descriptions: ['confidence'] },
    });
    const probabilities = hasProbabilities
      ? await CogWriter.create(folder, 'probabilities.tif', { ...shares, descriptions: namesOf(adapter!) })
      : undefined;
    for await (const block of rows) {
      await labels.append(block.labels);
      await confidence.append(block.confidence);
      await probabilities?.append(block.probabilities);
    }
    for (const writer of [labels, confidence, probabilities]) await writer?.finish();
    await folder.write('labels.qml', qmlStyle(classes.map((one, index) => ({ ...one, value: values.values[index]! }))));
    await folder.commit();
  } finally {
    await folder.discard();
  }
}

function namesOf({ classes }: AdapterVersion): string[] {
  return classes.map(({ name }) => name);
}

/**
 * Returns the georeference of a scene; none for scenes in the geometry of their sensor, whose maps have that geometry
 * too.
 */
function placeOf(scene: Scene | undefined): {
  readonly crs?: { readonly epsg?: number; readonly wkt?: string };
  readonly transform?: AffineTransform;
} {
  const found = scene?.lookupTable === undefined ? scene?.raster?.georeference : undefined;
  if (found === undefined) return {};
  const { crsWkt, epsg, transform } = found;
  const crs = { ...(epsg > 0 && { epsg }), ...(crsWkt !== '' && { wkt: crsWkt }) };
  return { transform: transform as unknown as AffineTransform, ...(epsg > 0 || crsWkt !== '' ? { crs } : {}) };
}
