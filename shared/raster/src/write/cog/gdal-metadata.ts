import { escapeXml } from '../xml.js';

/** Metadata of a raster and its bands that GDAL shows. */
export interface GdalMetadata {
  /** Facts of the raster by name. */
  readonly facts: Readonly<Record<string, string>>;
  /** Description of each band. */
  readonly descriptions: readonly string[];
  /** Quantity = value · scale, in every band. */
  readonly scale?: number | undefined;
}

/**
 * Returns the text of tag 42112, as GDAL's GeoTIFF driver reads it: values are escaped twice, as GDAL itself writes
 * them.
 */
export function gdalMetadata({ facts, descriptions, scale }: GdalMetadata): string {
  const item = (name: string, value: string, band?: number, role?: string): string => {
    const place = band === undefined ? '' : ` sample="${band}"`;
    return `  <Item name="${escapeXml(name)}"${place}${role === undefined ? '' : ` role="${role}"`}>${escapeXml(escapeXml(value))}</Item>`;
  };
  const items = [
    ...Object.entries(facts).map(([name, value]) => item(name, value)),
    ...descriptions.map((description, band) => item('DESCRIPTION', description, band, 'description')),
    ...(scale === undefined
      ? []
      : descriptions.flatMap((_, band) => [
          item('OFFSET', '0', band, 'offset'),
          item('SCALE', String(scale), band, 'scale'),
        ])),
  ];
  return `<GDALMetadata>\n${items.join('\n')}\n</GDALMetadata>\n`;
}
