/** GeoJSON, RFC 7946: points and polygons of a FeatureCollection, a feature or a geometry. */
import { failure } from '@hyperswap/errors';
import type { FeatureCollection, Position, Shape } from './feature.js';

/** Geometry collections inside each other. */
const maximumDepth = 8;

/** Reads the features of a file. @throws LABELS_VALUES naming the feature */
export function parseGeoJson(file: string, bytes: Uint8Array): FeatureCollection {
  const invalid = (reason: string): Error => failure('LABELS_VALUES', { labels: file, reason });
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw failure('LABELS_VALUES', { labels: file, reason: 'it is not JSON' }, cause);
  }
  if (!isObject(content)) throw invalid('it is no FeatureCollection of points and polygons');
  const found = content.type === 'FeatureCollection' ? content.features : [content];
  if (!Array.isArray(found)) throw invalid('it is no FeatureCollection of points and polygons: it has no features');
  const features = found.map((feature: unknown, index) => {
    const fail = (reason: string): Error => invalid(`feature ${index + 1} ${reason}`);
    if (!isObject(feature) || feature.type !== 'Feature') {
      if (content.type === 'FeatureCollection') throw fail('is not a Feature');
      throw invalid('it is no FeatureCollection of points and polygons');
    }
    const properties = isObject(feature.properties) ? feature.properties : {};
    return { properties, shape: shapeOf(feature.geometry, fail, 0) };
  });
  const epsg = epsgOf(content.crs, invalid);
  return { features, crs: epsg === undefined ? undefined : { epsg } };
}

function shapeOf(geometry: unknown, fail: (reason: string) => Error, depth: number): Shape | undefined {
  if (geometry === null || geometry === undefined) return undefined;
  if (!isObject(geometry) || depth > maximumDepth) throw fail('has a geometry that is none');
  const { type, coordinates } = geometry;
  if (type === 'GeometryCollection') return collected(geometry.geometries, fail, depth);
  if (Array.isArray(coordinates) && coordinates.length === 0) return undefined;
  switch (type) {
    case 'Point':
      return { kind: 'points', points: [positionOf(coordinates, fail)] };
    case 'MultiPoint':
      return { kind: 'points', points: listOf(coordinates, fail).map((point) => positionOf(point, fail)) };
    case 'Polygon':
      return { kind: 'polygons', polygons: [ringsOf(coordinates, fail)] };
    case 'MultiPolygon':
      return { kind: 'polygons', polygons: listOf(coordinates, fail).map((rings) => ringsOf(rings, fail)) };
    default:
      throw fail(`is a ${String(type)}; points and polygons are read`);
  }
}

/** Parts of a collection, which must all be points or all polygons. */
function collected(geometries: unknown, fail: (reason: string) => Error, depth: number): Shape | undefined {
  const shapes = listOf(geometries, fail).flatMap((part) => shapeOf(part, fail, depth + 1) ?? []);
  const points = shapes.flatMap((shape) => (shape.kind === 'points' ? shape.points : []));
  const polygons = shapes.flatMap((shape) => (shape.kind === 'polygons' ? shape.polygons : []));
  if (points.length > 0 && polygons.length > 0) throw fail('has points and polygons in one geometry');
  if (polygons.length > 0) return { kind: 'polygons', polygons };
  return points.length > 0 ? { kind: 'points', points } : undefined;
}

function ringsOf(rings: unknown, fail: (reason: string) => Error): Position[][] {
  return listOf(rings, fail).map((ring) => {
    const positions = listOf(ring, fail);
    if (positions.length < 4) throw fail(`has a ring of ${positions.length} positions; at least 4 make one`);
    return positions.map((position) => positionOf(position, fail));
  });
}

function positionOf(position: unknown, fail: (reason: string) => Error): Position {
  if (!Array.isArray(position) || position.length < 2) throw fail('has a position that is no pair of numbers');
  const [x, y] = position as unknown[];
  if (typeof x !== 'number' || typeof y !== 'number') throw fail('has a position that is no pair of numbers');
  return [x, y];
}

function listOf(value: unknown, fail: (reason: string) => Error): unknown[] {
  if (!Array.isArray(value)) throw fail('has coordinates that are no list');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `urn:ogc:def:crs:EPSG::32633`, `EPSG:32633`, or `urn:ogc:def:crs:OGC:1.3:CRS84`, which is longitude and latitude. */
function epsgOf(crs: unknown, invalid: (reason: string) => Error): number | undefined {
  if (crs === undefined || crs === null) return undefined;
  const name = isObject(crs) && isObject(crs.properties) ? String(crs.properties.name) : '';
  if (name.endsWith('CRS84')) return 4326;
  const code = /EPSG:[\d.]*:?(\d+)$/i.exec(name)?.[1];
  if (code === undefined) throw invalid(`its crs "${name}" has no EPSG code`);
  return Number(code);
}
