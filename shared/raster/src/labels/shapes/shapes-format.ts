import { isEnviRoi } from './envi-roi.js';
import type { ShapesFormat } from './feature.js';
import { isShapefile } from './shapefile.js';

const sqlite = 'SQLite format 3\0';

/** Tells the vector format of a file by its beginning; undefined when it is none. A GeoPackage is a SQLite database. */
export function shapesFormatOf(head: Uint8Array): ShapesFormat | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  if (isShapefile(head)) return 'shapefile';
  if (bytes.toString('latin1', 0, sqlite.length) === sqlite) return 'geopackage';
  if (isEnviRoi(head)) return 'envi-roi';
  return /^\uFEFF?\s*\{/.test(bytes.toString('utf8')) ? 'geojson' : undefined;
}
