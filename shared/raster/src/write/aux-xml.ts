import type { CrsDescription } from '../crs.js';
import { channelsOf, type MapClass } from './map-class.js';
import { escapeXml } from './xml.js';

export interface AuxXmlOptions {
  readonly classes: readonly MapClass[];
  /** Pixels of each class. */
  readonly pixels: readonly number[];
  /** Reference system; written where it has no EPSG code, which the raster itself tells. */
  readonly crs: CrsDescription | undefined;
}

/** Types and usages of the columns of a raster attribute table, as GDAL numbers them. */
const columns = [
  { name: 'Value', type: 0, usage: 5 },
  { name: 'Class_Name', type: 2, usage: 2 },
  { name: 'Red', type: 0, usage: 6 },
  { name: 'Green', type: 0, usage: 7 },
  { name: 'Blue', type: 0, usage: 8 },
  { name: 'Count', type: 0, usage: 1 },
];

/**
 * Returns the `.aux.xml` beside a label raster, GDAL's Persistent Auxiliary Metadata: category names, which GDAL and QGIS read, and a raster
 * attribute table, which ArcGIS reads as well.
 */
export function auxXml({ classes, pixels, crs }: AuxXmlOptions): string {
  const categories = ['no data', ...classes.map(({ name }) => name)].map(
    (name) => `      <Category>${escapeXml(name)}</Category>`,
  );
  const fields = columns.map(
    ({ name, type, usage }, index) =>
      `      <FieldDefn index="${index}"><Name>${name}</Name><Type>${type}</Type><Usage>${usage}</Usage></FieldDefn>`,
  );
  const rows = classes.map(({ name, color }, index) => {
    const cells = [index + 1, escapeXml(name), ...channelsOf(color), pixels[index] ?? 0];
    return `      <Row index="${index}">${cells.map((cell) => `<F>${cell}</F>`).join('')}</Row>`;
  });
  const wkt = crs?.epsg === undefined ? crs?.wkt : undefined;
  return `<PAMDataset>
${wkt === undefined ? '' : `  <SRS>${escapeXml(wkt)}</SRS>\n`}  <PAMRasterBand band="1">
    <CategoryNames>
${categories.join('\n')}
    </CategoryNames>
    <GDALRasterAttributeTable tableType="thematic">
${[...fields, ...rows].join('\n')}
    </GDALRasterAttributeTable>
  </PAMRasterBand>
</PAMDataset>
`;
}
