import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { failure } from '@hyperswap/errors';
import proj4 from 'proj4';
import type { Crs } from '../../raster-info.js';
import type { LabelTarget } from '../label-options.js';
import type { Feature, Position } from './feature.js';

const longitudeLatitude = 4326;

/** From the coordinates of shapes to those of the scene. */
export interface Projector {
  /** Coordinates of the shapes, in words. */
  readonly name: string;
  project(position: Position): Position;
}

/**
 * Finds how coordinates of shapes become those of the scene.
 *
 * @param given reference system of the shapes, or `pixels`, when the file or the user says it
 * @throws CRS_UNKNOWN, LABELS_VALUES when the shapes have a reference system and the scene has none
 */
export async function projector(
  file: string,
  features: readonly Feature[],
  { crs, transform }: LabelTarget,
  given: Crs | 'pixels' | undefined,
): Promise<Projector> {
  const same = (name: string): Projector => ({ name, project: (position) => position });
  if (given === 'pixels') {
    if (transform === undefined) return same('pixels');
    const [a, b, c, d, e, f] = transform;
    return { name: 'pixels', project: ([x, y]) => [a * x + b * y + c, d * x + e * y + f] };
  }
  if (crs === undefined || transform === undefined) {
    if (given === undefined)
      return same(
        transform === undefined
          ? 'pixels, as the scene has no georeference'
          : 'those of the scene, whose reference system is not known',
      );
    const reason = `its coordinates are those of ${nameOf(given)}, but the scene ${transform === undefined ? 'has no georeference' : 'does not name its reference system'}`;
    throw failure('LABELS_VALUES', { labels: file, reason });
  }
  const scene = crs.epsg === undefined ? 'the scene’s reference system' : `EPSG:${crs.epsg}, as the scene has`;
  const from = given ?? (looksGeographic(features) ? { epsg: longitudeLatitude } : undefined);
  if (from === undefined || (from.epsg !== undefined && from.epsg === crs.epsg)) return same(scene);
  const converter = proj4(await definitionOf(file, from), await definitionOf(file, crs));
  const name = given === undefined ? 'longitude and latitude (RFC 7946)' : nameOf(given);
  return { name, project: ([x, y]) => converter.forward([x, y]) as [number, number] };
}

/** Name of a reference system, for messages. */
function nameOf({ epsg, wkt }: Crs): string {
  return epsg === undefined ? (/"([^"]*)"/.exec(wkt ?? '')?.[1] ?? 'a system without a name') : `EPSG:${epsg}`;
}

/** Longitudes and latitudes can be all of them. */
function looksGeographic(features: readonly Feature[]): boolean {
  const inside = ([x, y]: Position): boolean => Math.abs(x) <= 180 && Math.abs(y) <= 90;
  return features.every(({ shape }) => {
    if (shape === undefined) return true;
    return shape.kind === 'points'
      ? shape.points.every(inside)
      : shape.polygons.every((rings) => rings.every((ring) => ring.every(inside)));
  });
}

/** Returns a reference system as proj4 takes it: its WKT, or what the EPSG index says. @throws CRS_UNKNOWN */
async function definitionOf(file: string, { epsg, wkt }: Crs): Promise<string> {
  try {
    if (epsg === undefined) {
      proj4(wkt!);
      return wkt!;
    }
    const entry = fileURLToPath(import.meta.resolve(`epsg-index/s/${epsg}.json`));
    const { proj4: definition } = JSON.parse(await readFile(entry, 'utf8')) as { proj4?: string | null };
    if (typeof definition !== 'string' || definition === '') throw new Error('it has no definition');
    proj4(definition);
    return definition;
  } catch (cause) {
    throw failure('CRS_UNKNOWN', { file, crs: nameOf({ epsg, wkt }) }, cause);
  }
}
