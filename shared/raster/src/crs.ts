/** Coordinate reference systems: EPSG codes by the index of epsg-index, WKT by proj4. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import proj4 from 'proj4';
import type { Crs } from './raster-info.js';

/** Description of a reference system. */
export interface CrsDescription {
  readonly epsg?: number | undefined;
  readonly wkt?: string | undefined;
  readonly name: string;
  readonly kind: 'geographic' | 'projected';
  /** Metres of one unit of a projected system; undefined for degrees. */
  readonly metresPerUnit?: number | undefined;
  /** Definition that proj4 takes; undefined when it knows none. */
  readonly definition?: string | undefined;
}

interface IndexEntry {
  readonly kind: string;
  readonly name: string;
  readonly wkt?: string | null;
  readonly proj4?: string | null;
}

/** Describes a reference system. Without a definition, coordinates cannot be transformed. */
export async function describeCrs({ epsg: given, wkt }: Crs): Promise<CrsDescription> {
  const epsg = given ?? codeOf(wkt);
  const entry = epsg === undefined ? undefined : await readEntry(epsg);
  const definition =
    [entry?.proj4, wkt].find((text) => text !== undefined && text !== null && isKnown(text)) ?? undefined;
  const projection = definition === undefined ? undefined : projectionOf(definition);
  const isGeographic =
    projection === undefined
      ? /^\s*GEOG/i.test(wkt ?? '') || entry?.kind.startsWith('CRS-GEOG') === true
      : projection.projName === 'longlat';
  return {
    epsg,
    wkt: wkt ?? entry?.wkt ?? undefined,
    name: entry?.name ?? /"([^"]*)"/.exec(wkt ?? '')?.[1] ?? (epsg === undefined ? 'without a name' : `EPSG:${epsg}`),
    kind: isGeographic ? 'geographic' : 'projected',
    metresPerUnit: isGeographic || projection === undefined ? undefined : (projection.to_meter ?? 1),
    definition,
  };
}

/** Returns the EPSG code at the end of a WKT, which is that of the whole system. */
function codeOf(wkt: string | undefined): number | undefined {
  const code = /(?:AUTHORITY\["EPSG",\s*"|ID\["EPSG",\s*)(\d+)"?\s*\]\s*\]\s*$/i.exec(wkt ?? '')?.[1];
  return code === undefined ? undefined : Number(code);
}

async function readEntry(epsg: number): Promise<IndexEntry | undefined> {
  try {
    const file = fileURLToPath(import.meta.resolve(`epsg-index/s/${epsg}.json`));
    return JSON.parse(await readFile(file, 'utf8')) as IndexEntry;
  } catch {
    return undefined;
  }
}

function isKnown(definition: string): boolean {
  try {
    proj4(definition);
    return true;
  } catch {
    return false;
  }
}

/** Fields of proj4's projections that its types do not name. */
interface Projection {
  readonly projName?: string;
  readonly to_meter?: number;
}

function projectionOf(definition: string): Projection {
  return new proj4.Proj(definition) as unknown as Projection;
}
