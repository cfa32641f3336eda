import proj4 from 'proj4';
import type { CrsDescription } from './crs.js';

/** Turns coordinates of a reference system into longitude and latitude in degrees (WGS 84). */
export type ToLongitudeLatitude = (x: number, y: number) => readonly [number, number];

/** Returns the function for a reference system; undefined where proj4 does not know it. */
export function toLongitudeLatitude({ definition, epsg }: CrsDescription): ToLongitudeLatitude | undefined {
  if (definition === undefined) return undefined;
  if (epsg === 4326) return (x, y) => [x, y];
  const converter = proj4(definition, 'EPSG:4326');
  return (x, y) => converter.forward([x, y]) as [number, number];
}
