/**
 * Shapefiles ("ESRI Shapefile Technical Description", July 1998): shapes in `.shp`, properties in `.dbf`, the reference
 * system in `.prj`. Read here rather than by a library: those of npm take damaged lengths for true, and never end or
 * fill the memory.
 */
import { failure } from '@hyperswap/errors';
import { parseDbf } from './dbf.js';
import type { FeatureCollection, Position, Shape } from './feature.js';

const fileCode = 9994;
const headerBytes = 100;
const recordHeaderBytes = 8;
/** Types by number; those with z (1x) and measures (2x) begin alike. */
const types = { none: 0, point: 1, line: 3, polygon: 5, multiPoint: 8 } as const;

/** Tells files that begin as a `.shp`. */
export function isShapefile(head: Uint8Array): boolean {
  return head.byteLength >= headerBytes && new DataView(head.buffer, head.byteOffset).getInt32(0) === fileCode;
}

/**
 * Reads the features of a Shapefile.
 *
 * @param beside its `dbf`, `prj` and `cpg`, as far as they are there
 * @throws LABELS_VALUES naming the feature
 */
export function parseShapefile(
  file: string,
  bytes: Uint8Array,
  beside: ReadonlyMap<string, Uint8Array>,
): FeatureCollection {
  const invalid = (reason: string): Error => failure('LABELS_VALUES', { labels: file, reason });
  const dbf = beside.get('dbf');
  if (dbf === undefined) throw invalid('its properties are in a file .dbf beside it, which is not there');
  const shapes: (Shape | undefined)[] = [];
  for (let place = headerBytes; place < bytes.byteLength;) {
    const fail = (reason: string): Error => invalid(`feature ${shapes.length + 1} ${reason}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset + place);
    const length = view.byteLength < recordHeaderBytes ? -1 : 2 * view.getInt32(4);
    if (length < 4 || recordHeaderBytes + length > view.byteLength) throw fail('is cut off: the file is truncated');
    const content = new DataView(view.buffer, view.byteOffset + recordHeaderBytes, length);
    shapes.push(shapeOf(content, fail));
    place += recordHeaderBytes + length;
  }
  const rows = parseDbf(dbf, textOf(beside.get('cpg')), (reason) => invalid(`its .dbf ${reason}`));
  if (rows.length !== shapes.length) throw invalid(`it has ${shapes.length} shapes, its .dbf ${rows.length} rows`);
  const wkt = textOf(beside.get('prj'))?.trim();
  return {
    features: shapes.map((shape, index) => ({ properties: rows[index] ?? {}, shape: rows[index] && shape })),
    crs: wkt === undefined || wkt === '' ? undefined : { wkt },
  };
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes).replaceAll('\0', '');
}

function shapeOf(content: DataView, fail: (reason: string) => Error): Shape | undefined {
  const kind = content.getInt32(0, true) % 10;
  const isKnown = content.getInt32(0, true) >= 0 && content.getInt32(0, true) < 30;
  const need = (bytes: number): void => {
    if (!(bytes <= content.byteLength)) throw fail(`needs ${bytes} bytes, it has ${content.byteLength}`);
  };
  const positionAt = (place: number): Position => [
    content.getFloat64(place, true),
    content.getFloat64(place + 8, true),
  ];
  const count = (place: number): number => {
    need(place + 4);
    const value = content.getInt32(place, true);
    if (value < 0) throw fail(`claims ${value} points or rings`);
    return value;
  };
  const pointsAt = (place: number, points: number): Position[] => {
    need(place + 16 * points);
    return Array.from({ length: points }, (_, index) => positionAt(place + 16 * index));
  };
  if (isKnown && kind === types.none) return undefined;
  if (isKnown && kind === types.point) return { kind: 'points', points: pointsAt(4, 1) };
  if (isKnown && kind === types.multiPoint) return { kind: 'points', points: pointsAt(40, count(36)) };
  if (!isKnown || kind !== types.polygon) {
    throw fail(
      `is ${kind === types.line ? 'a line' : `of the type ${content.getInt32(0, true)}`}; points and polygons are read`,
    );
  }
  const [rings, total] = [count(36), count(40)];
  need(44 + 4 * rings);
  const starts = Array.from({ length: rings }, (_, ring) => content.getInt32(44 + 4 * ring, true));
  const all = pointsAt(44 + 4 * rings, total);
  const isOrdered = starts.every((start, ring) => start >= (starts[ring - 1] ?? 0) && start <= total);
  if (!isOrdered) throw fail('has rings that do not follow each other');
  if (total === 0) return undefined;
  // Holes and islands need no distinction: filling goes by the even–odd rule.
  return { kind: 'polygons', polygons: [starts.map((start, ring) => all.slice(start, starts[ring + 1] ?? total))] };
}
