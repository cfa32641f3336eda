/** Polygons of a map as a GeoPackage 1.3 (OGC 12-128r17), in the map's reference system. */
import sqlite from 'node-sqlite3-wasm';
import { emptyBox, extendBox, hexColor, type Box, type MapPolygon, type PolygonLayer } from './map-polygons.js';

/** "GPKG" in ASCII, and version 1.3.0. */
const [applicationId, userVersion] = [0x47504b47, 10_300];
const layerName = 'land_cover';
/** Identifier of a reference system without a code of EPSG; smaller ones are of others. */
const ownSystem = 100_000;
const wgs84 =
  'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]';
const littleEndian = 1;
const polygonType = 3;

const tables = `
  create table gpkg_spatial_ref_sys (srs_name text not null, srs_id integer primary key, organization text not null,
    organization_coordsys_id integer not null, definition text not null, description text);
  create table gpkg_contents (table_name text primary key, data_type text not null, identifier text unique,
    description text default '', last_change datetime not null default (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
    min_x double, min_y double, max_x double, max_y double, srs_id integer references gpkg_spatial_ref_sys(srs_id));
  create table gpkg_geometry_columns (table_name text not null references gpkg_contents(table_name),
    column_name text not null, geometry_type_name text not null, srs_id integer not null references gpkg_spatial_ref_sys(srs_id),
    z tinyint not null, m tinyint not null, constraint pk_geom_cols primary key (table_name, column_name));
  create table ${layerName} (fid integer primary key autoincrement not null, geom polygon, class integer, name text, color text,
    pixels integer, hectares double);`;

/**
 * Writes a layer `land_cover` with the columns `class`, `name`, `color`, `pixels` and `hectares` into an empty file.
 *
 * @throws an error of SQLite, as when the disk is full
 */
export function writeGeoPackage(file: string, { polygons, crs }: PolygonLayer): void {
  const database = new sqlite.Database(file);
  try {
    database.exec(`pragma application_id = ${applicationId}; pragma user_version = ${userVersion}`);
    // The file has no name of its own yet: nothing of it is kept when writing fails.
    database.exec('pragma journal_mode = off; pragma synchronous = off; begin');
    database.exec(tables);
    const system = crs?.epsg ?? (crs?.wkt === undefined ? -1 : ownSystem);
    const systems: [string, number, string, number, string][] = [
      ['Undefined cartesian SRS', -1, 'NONE', -1, 'undefined'],
      ['Undefined geographic SRS', 0, 'NONE', 0, 'undefined'],
      ['WGS 84 geodetic', 4326, 'EPSG', 4326, wgs84],
    ];
    if (crs !== undefined && !systems.some(([, id]) => id === system)) {
      const organization = crs.epsg === undefined ? 'NONE' : 'EPSG';
      systems.push([crs.name, system, organization, system, crs.wkt ?? 'undefined']);
    }
    for (const row of systems) {
      database.run('insert into gpkg_spatial_ref_sys values (?, ?, ?, ?, ?, null)', row);
    }
    const box = insertPolygons(database, polygons(), system);
    const bounds = Number.isFinite(box[0]) ? box : [null, null, null, null];
    database.run(
      `insert into gpkg_contents (table_name, data_type, identifier, min_x, min_y, max_x, max_y, srs_id)
       values ('${layerName}', 'features', 'land cover', ?, ?, ?, ?, ?)`,
      [...bounds, system],
    );
    database.run(`insert into gpkg_geometry_columns values ('${layerName}', 'geom', 'POLYGON', ?, 0, 0)`, [system]);
    database.exec('commit');
  } finally {
    database.close();
  }
}

/** @returns box around all */
function insertPolygons(
  database: InstanceType<typeof sqlite.Database>,
  polygons: Iterable<MapPolygon>,
  system: number,
): Box {
  const box = emptyBox();
  const insert = database.prepare(
    `insert into ${layerName} (geom, class, name, color, pixels, hectares) values (?, ?, ?, ?, ?, ?)`,
  );
  try {
    for (const polygon of polygons) {
      const { value, name, color, pixels, hectares = null } = polygon;
      extendBox(box, polygon.rings[0]!);
      insert.run([geometryOf(polygon, system), value, name, hexColor(color), pixels, hectares]);
    }
  } finally {
    insert.finalize();
  }
  return box;
}

/** Returns a polygon as GeoPackage's binary: a header with its box, then well-known binary. */
function geometryOf({ rings }: MapPolygon, system: number): Uint8Array {
  const points = rings.reduce((sum, ring) => sum + ring.length / 2, 0);
  const bytes = new Uint8Array(8 + 32 + 9 + 4 * rings.length + 16 * points);
  const view = new DataView(bytes.buffer);
  let place = 0;
  const byte = (value: number): void => view.setUint8(place++, value);
  const integer = (value: number): void => {
    view.setInt32(place, value, true);
    place += 4;
  };
  const double = (value: number): void => {
    view.setFloat64(place, value, true);
    place += 8;
  };
  const box = emptyBox();
  extendBox(box, rings[0]!);
  const [left, lower, right, upper] = box;
  // "GP", version 1, an envelope of x and y.
  for (const value of [0x47, 0x50, 0, (1 << 1) | littleEndian]) byte(value);
  integer(system);
  for (const value of [left, right, lower, upper]) double(value);
  byte(littleEndian);
  integer(polygonType);
  integer(rings.length);
  for (const ring of rings) {
    integer(ring.length / 2);
    for (const coordinate of ring) double(coordinate);
  }
  return bytes;
}
