/** Headers of ENVI classifications, whose data is one byte a pixel, row by row. */
import type { CrsDescription } from '../crs.js';
import type { AffineTransform } from '../raster-info.js';
import { channelsOf, type MapClass } from './map-class.js';

export interface EnviClassification {
  readonly description: string;
  readonly height: number;
  readonly width: number;
  readonly classes: readonly MapClass[];
  readonly crs: CrsDescription | undefined;
  readonly transform: AffineTransform | undefined;
}

/**
 * Returns the header. A transform that ENVI cannot tell, with shear or mirrored, is left out: see {@link enviTells}.
 */
export function enviClassificationHeader({
  description,
  height,
  width,
  classes,
  crs,
  transform,
}: EnviClassification): string {
  // Braces and commas end names.
  const names = ['Unclassified', ...classes.map(({ name }) => name.replaceAll(/[{},]/g, ' ').trim())];
  const colors = [[0, 0, 0], ...classes.map(({ color }) => channelsOf(color))];
  const lines = [
    'ENVI',
    `description = {${description.replaceAll(/[{}]/g, ' ')}}`,
    `samples = ${width}`,
    `lines = ${height}`,
    'bands = 1',
    'header offset = 0',
    'file type = ENVI Classification',
    'data type = 1',
    'interleave = bsq',
    'byte order = 0',
    'data ignore value = 0',
    `classes = ${names.length}`,
    `class lookup = {${colors.flat().join(', ')}}`,
    `class names = {${names.join(', ')}}`,
    'band names = {land cover}',
    ...(transform === undefined || !enviTells(transform) ? [] : [`map info = {${mapInfo(transform, crs)}}`]),
    ...(crs?.wkt === undefined ? [] : [`coordinate system string = {${crs.wkt}}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Returns true if `map info` can hold a transform, as GDAL reads it: rows that go down, turned by one angle. */
export function enviTells(transform: AffineTransform): boolean {
  const [, , , d, e] = transform;
  const { turn, pixelWidth, pixelHeight } = placeOf(transform);
  const near = (first: number, second: number): boolean =>
    Math.abs(first - second) <= 1e-9 * Math.max(pixelWidth, pixelHeight);
  return near(d, -Math.sin(turn) * pixelHeight) && near(e, -Math.cos(turn) * pixelHeight);
}

function mapInfo(transform: AffineTransform, crs: CrsDescription | undefined): string {
  const [, , x, , , y] = transform;
  const { turn, pixelWidth, pixelHeight } = placeOf(transform);
  const degrees = (-turn * 180) / Math.PI;
  const place = [1, 1, x, y, pixelWidth, pixelHeight].join(', ');
  const rotation = turn === 0 ? [] : [`rotation=${degrees}`];
  const zone = utmZoneOf(crs?.epsg);
  if (zone !== undefined) {
    return [`UTM, ${place}, ${zone.number}, ${zone.hemisphere}, WGS-84, units=Meters`, ...rotation].join(', ');
  }
  if (crs?.epsg === 4326) return [`Geographic Lat/Lon, ${place}, WGS-84, units=Degrees`, ...rotation].join(', ');
  return [`Arbitrary, ${place}`, ...rotation].join(', ');
}

/** Angle in radians and size of a pixel: a = cos · width, b = -sin · width, d = -sin · height, e = -cos · height. */
function placeOf([a, b, , d, e]: AffineTransform): {
  readonly turn: number;
  readonly pixelWidth: number;
  readonly pixelHeight: number;
} {
  return {
    turn: b === 0 && a > 0 ? 0 : Math.atan2(-b, a),
    pixelWidth: Math.hypot(a, b),
    pixelHeight: Math.hypot(d, e),
  };
}

function utmZoneOf(epsg = 0): { readonly number: number; readonly hemisphere: string } | undefined {
  for (const [base, hemisphere] of [
    [32600, 'North'],
    [32700, 'South'],
  ] as const) {
    if (epsg > base && epsg <= base + 60) return { number: epsg - base, hemisphere };
  }
  return undefined;
}
