import type { CrsDescription } from '../crs.js';
import { channelsOf, type MapClass } from './map-class.js';
import { escapeXml } from './xml.js';

export interface AuxXmlOptions {
  readonly classes: readonly MapClass[];
  /** Value of pixels without data. */
  readonly nodata: number;
  /** Pixels of each class. */
  readonly pixels: readonly number[];
  /** Reference system; written where it has no EPSG code, which the raster itself tells. */
  readonly crs: CrsDescription | undefined;
}

/** Largest value that categories and colours are written for: they are lists of all values from 0 on. */
const largestCategory = 4095;

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
 * Returns the `.aux.xml` beside a label raster, GDAL's Persistent Auxiliary Metadata: category names, which GDAL and
 * QGIS read, and a raster attribute table, which ArcGIS reads as well.
 */
export function auxXml({ classes, nodata, pixels, crs }: AuxXmlOptions): string {
  const categories = categoryNames(classes, nodata).map((name) => `      <Category>${escapeXml(name)}</Category>`);
  const fields = columns.map(
    ({ name, type, usage }, index) =>
      `      <FieldDefn index="${index}"><Name>${name}</Name><Type>${type}</Type><Usage>${usage}</Usage></FieldDefn>`,
  );
  const rows = classes.map(({ value, name, color }, index) => {
    const cells = [value, escapeXml(name), ...channelsOf(color), pixels[index] ?? 0];
    return `      <Row index="${index}">${cells.map((cell) => `<F>${cell}</F>`).join('')}</Row>`;
  });
  const wkt = crs?.epsg === undefined ? crs?.wkt : undefined;
  return `<PAMDataset>
${wkt === undefined ? '' : `  <SRS>${escapeXml(wkt)}</SRS>\n`}  <PAMRasterBand band="1">
${section('CategoryNames', categories)}${section('ColorTable', colorTable(classes))}    <GDALRasterAttributeTable tableType="thematic">
${[...fields, ...rows].join('\n')}
    </GDALRasterAttributeTable>
  </PAMRasterBand>
</PAMDataset>
`;
}

function section(name: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `    <${name}>\n${lines.join('\n')}\n    </${name}>\n`;
}

/**
 * Returns the colours of values beyond a byte, which the raster itself does not hold; none where the list would be
 * long.
 */
function colorTable(classes: readonly MapClass[]): string[] {
  const last = Math.max(...classes.map(({ value }) => value));
  if (last <= 255 || last > largestCategory) return [];
  const colors = new Array<number>(last + 1).fill(0);
  for (const { value, color } of classes) colors[value] = color;
  return colors.map((color) => {
    const [red, green, blue] = channelsOf(color);
    return `      <Entry c1="${red}" c2="${green}" c3="${blue}" c4="255"/>`;
  });
}

/**
 * Returns a name for each value from 0 on, empty ones for values that are not used; none where this list would be long.
 */
function categoryNames(classes: readonly MapClass[], nodata: number): string[] {
  const last = Math.max(...classes.map(({ value }) => value));
  if (last > largestCategory) return [];
  const names = new Array<string>(last + 1).fill('');
  if (nodata <= largestCategory) names[nodata] = 'no data';
  for (const { value, name } of classes) names[value] = name;
  return names;
}
