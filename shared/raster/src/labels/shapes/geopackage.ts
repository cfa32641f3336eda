/**
 * GeoPackage 1.x (OGC 12-128): a SQLite database whose feature tables hold geometries as well-known binary behind a
 * header.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { failure, HyperswapError } from '@hyperswap/errors';
import sqlite from 'node-sqlite3-wasm';
import type { Crs } from '../../raster-info.js';
import type { Feature, FeatureCollection, Shape } from './feature.js';
import { parseWkb } from './wkb.js';

/**
 * Bytes of a header that say how the database is written: 2 with a file of changes beside it, which this copy has not.
 */
const journalBytes = [18, 19] as const;
const maximumFeatures = 5_000_000;
/** Bytes of the envelope by its kind. */
const envelopeBytes = [0, 32, 48, 48, 64];

type Row = Readonly<Record<string, unknown>>;

/**
 * Reads the features of a layer.
 *
 * @param layer name of the layer; undefined for the only one
 * @throws VARIABLE_MISSING with the layers that there are, LABELS_VALUES
 */
export async function readGeoPackage(
  file: string,
  bytes: Uint8Array,
  layer: string | undefined,
): Promise<FeatureCollection> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hyperswap-gpkg-'));
  try {
    // A copy: SQLite would lock the user's file, and not open one whose changes are in a file beside it.
    const copy = Uint8Array.from(bytes);
    for (const place of journalBytes) copy[place] = 1;
    await writeFile(path.join(folder, 'copy.gpkg'), copy);
    const database = new sqlite.Database(path.join(folder, 'copy.gpkg'), { readOnly: true, fileMustExist: true });
    try {
      return readLayer(file, (sql, values = []) => database.all(sql, values) as Row[], layer);
    } finally {
      database.close();
    }
  } catch (error) {
    if (error instanceof HyperswapError) throw error;
    const reason = `it is no readable GeoPackage: ${(error as Error).message}`;
    throw failure('LABELS_VALUES', { labels: file, reason }, error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readLayer(
  file: string,
  query: (sql: string, values?: string[]) => Row[],
  layer: string | undefined,
): FeatureCollection {
  const layers = query(
    `select c.table_name as name, g.column_name as geometry, s.organization as organization,
       s.organization_coordsys_id as code, s.definition as wkt
     from gpkg_contents c join gpkg_geometry_columns g on g.table_name = c.table_name
     left join gpkg_spatial_ref_sys s on s.srs_id = g.srs_id
     where c.data_type = 'features' order by c.table_name`,
  );
  const wanted =
    layer === undefined ? (layers.length === 1 ? layers[0] : undefined) : layers.find(({ name }) => name === layer);
  if (wanted === undefined) {
    const found = layers.map(({ name }) => String(name)).join(', ') || 'no layer of features';
    throw failure('VARIABLE_MISSING', { file, wanted: layer ?? 'that is the only layer', found });
  }
  const [table, geometry] = [quote(String(wanted.name)), String(wanted.geometry)];
  const rows = query(`select * from ${table} limit ${maximumFeatures + 1}`);
  if (rows.length > maximumFeatures) {
    throw failure('LABELS_VALUES', { labels: file, reason: `it has more than ${maximumFeatures} features` });
  }
  const features = rows.map((row, index): Feature => {
    const fail = (reason: string): Error =>
      failure('LABELS_VALUES', { labels: file, reason: `feature ${index + 1} ${reason}` });
    const properties = Object.fromEntries(
      Object.entries(row).flatMap(([name, value]) =>
        name === geometry ? [] : [[name, typeof value === 'bigint' ? Number(value) : value]],
      ),
    );
    return { properties, shape: shapeOf(row[geometry], fail) };
  });
  return { features, crs: crsOf(wanted) };
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function crsOf({ organization, code, wkt }: Row): Crs | undefined {
  if (String(organization).toUpperCase() === 'EPSG' && Number(code) > 0) return { epsg: Number(code) };
  return typeof wkt === 'string' && wkt !== '' && wkt !== 'undefined' ? { wkt } : undefined;
}

function shapeOf(blob: unknown, fail: (reason: string) => Error): Shape | undefined {
  if (!(blob instanceof Uint8Array)) return undefined;
  const flags = blob[3] ?? 0;
  const start = 8 + (envelopeBytes[(flags >> 1) & 7] ?? Number.NaN);
  if (blob[0] !== 0x47 || blob[1] !== 0x50 || !(start <= blob.byteLength)) throw fail('has a geometry that is none');
  const isEmpty = (flags & 16) !== 0;
  return isEmpty ? undefined : parseWkb(blob.subarray(start), fail);
}
