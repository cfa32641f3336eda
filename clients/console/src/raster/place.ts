/** Georeference of pixels. Maps are drawn in pixels, so that any reference system works, and also none. */
import proj4 from 'proj4';
import type { Georeference } from '../../generated/hyperswap/v1/scene_pb.js';

/** Georeference of a scene. */
export interface Place {
  /** Name of the reference system; empty when it is not known. */
  readonly name: string;
  /** Coordinates of a point given in pixels, column and row. */
  coordinates(column: number, row: number): readonly [x: number, y: number];
  /** Longitude and latitude in degrees; undefined where the system is not known. */
  longitudeLatitude(column: number, row: number): readonly [number, number] | undefined;
  /** Area of a pixel in hectares; undefined where coordinates are no metres. */
  readonly hectares: number | undefined;
}

/** Returns the functions of a georeference; undefined without one. */
export function placeOf(found: Georeference | undefined): Place | undefined {
  if (found?.transform.length !== 6) return undefined;
  const [a, b, c, d, e, f] = found.transform as [number, number, number, number, number, number];
  const system = systemOf(found);
  const coordinates = (column: number, row: number) => [a * column + b * row + c, d * column + e * row + f] as const;
  const metres = system?.metres;
  return {
    name: found.epsg > 0 ? `EPSG:${found.epsg}` : (system?.name ?? ''),
    coordinates,
    longitudeLatitude: (column, row) => {
      const place = system?.toDegrees.forward([...coordinates(column, row)]);
      return place === undefined ? undefined : [place[0]!, place[1]!];
    },
    hectares: metres === undefined ? undefined : (Math.abs(a * e - b * d) * metres ** 2) / 10_000,
  };
}

interface System {
  readonly name: string;
  readonly toDegrees: proj4.Converter;
  /** Metres of a unit; undefined for degrees. */
  readonly metres: number | undefined;
}

function systemOf({ crsWkt, epsg }: Georeference): System | undefined {
  const definition = crsWkt === '' ? ofCode(epsg) : crsWkt;
  if (definition === undefined) return undefined;
  try {
    const parsed = new proj4.Proj(definition) as unknown as { projName?: string; to_meter?: number; title?: string };
    const isDegrees = parsed.projName === 'longlat';
    const name = /"([^"]+)"/.exec(crsWkt)?.[1] ?? parsed.title ?? '';
    return { name, toDegrees: proj4(definition, 'EPSG:4326'), metres: isDegrees ? undefined : (parsed.to_meter ?? 1) };
  } catch {
    // A system that proj4 does not know: coordinates are shown as they are.
    return undefined;
  }
}

/** Returns the definition of frequent codes: degrees, UTM on WGS 84, Web Mercator. */
function ofCode(epsg: number): string | undefined {
  if (epsg === 4326 || epsg === 3857) return `EPSG:${epsg}`;
  const zone = epsg % 100;
  if (zone < 1 || zone > 60) return undefined;
  if (epsg >= 32601 && epsg <= 32660) return `+proj=utm +zone=${zone} +datum=WGS84 +units=m +no_defs`;
  if (epsg >= 32701 && epsg <= 32760) return `+proj=utm +zone=${zone} +south +datum=WGS84 +units=m +no_defs`;
  return undefined;
}
