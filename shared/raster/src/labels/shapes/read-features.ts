import { parseEnviRoi } from './envi-roi.js';
import type { FeatureCollection, ShapesFile } from './feature.js';
import { parseGeoJson } from './geojson.js';
import { parseShapefile } from './shapefile.js';

/** Reads the features of a vector file. @throws LABELS_VALUES, VARIABLE_MISSING */
export async function readFeatures(given: ShapesFile): Promise<FeatureCollection> {
  const { file, format, bytes, beside, layer } = given;
  switch (format) {
    case 'geojson':
      return parseGeoJson(file, bytes);
    case 'shapefile':
      return parseShapefile(file, bytes, beside);
    case 'geopackage':
      // SQLite is loaded where it is needed only.
      return (await import('./geopackage.js')).readGeoPackage(file, bytes, layer);
    case 'envi-roi':
      return parseEnviRoi(file, bytes);
  }
}
