/** Place of an ENVI raster: `map info` and `coordinate system string`, read as GDAL does. */
import type { AffineTransform, Crs } from '../../raster-info.js';
import type { EnviHeader } from './header.js';

export function readGeoreference(header: EnviHeader): { crs?: Crs; transform?: AffineTransform } {
  const parts = header.list('map info');
  const [name = '', ...rest] = parts;
  const [column, row, x, y, pixelWidth, pixelHeight] = rest.map(Number);
  const wkt = header.text('coordinate system string');
  const epsg = epsgOf(name, parts);
  const crs =
    epsg === undefined && (wkt === undefined || wkt === '')
      ? undefined
      : { ...(epsg && { epsg }), ...(wkt && { wkt }) };
  if (![column, row, x, y, pixelWidth, pixelHeight].every(Number.isFinite) || pixelWidth === 0 || pixelHeight === 0) {
    return crs === undefined ? {} : { crs };
  }
  const degrees = Number(/rotation\s*=\s*(-?[\d.]+)/i.exec(header.text('map info') ?? '')?.[1] ?? 0);
  const [cosine, sine] = [Math.cos((-degrees * Math.PI) / 180), Math.sin((-degrees * Math.PI) / 180)];
  const [a, e] = [pixelWidth!, pixelHeight!];
  // The reference pixel counts from 1, at its upper left corner.
  const origin = [x! - (column! - 1) * a, y! + (row! - 1) * e] as const;
  const transform: AffineTransform =
    degrees === 0
      ? [a, 0, origin[0], 0, -e, origin[1]]
      : [cosine * a, -sine * a, origin[0], -sine * e, -cosine * e, origin[1]];
  return { ...(crs && { crs }), transform };
}

/** EPSG code of the usual projections. */
function epsgOf(name: string, parts: readonly string[]): number | undefined {
  const text = parts
    .join(',')
    .toLowerCase()
    .replaceAll(/[\s_-]/g, '');
  const isWgs84 = text.includes('wgs84');
  if (/^geographic/i.test(name)) return isWgs84 ? 4326 : undefined;
  const zone = Number(parts[7]);
  if (!/^utm$/i.test(name) || !Number.isInteger(zone) || zone < 1 || zone > 60) return undefined;
  const isSouth = /south/i.test(parts[8] ?? '');
  if (isWgs84) return (isSouth ? 32700 : 32600) + zone;
  return text.includes('northamerica1983') || text.includes('nad83') ? 26900 + zone : undefined;
}
