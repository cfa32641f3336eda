/** Well-known binary of OGC 06-103r4: points and polygons, with z and measures passed over. */
import type { Position, Shape } from './feature.js';

const names: Readonly<Record<number, string>> = {
  2: 'LineString',
  5: 'MultiLineString',
  8: 'CircularString',
  9: 'CompoundCurve',
  10: 'CurvePolygon',
  11: 'MultiCurve',
  12: 'MultiSurface',
};
const maximumDepth = 8;

/** Reads a geometry; undefined where it is empty. @param fail makes the error of a reason */
export function parseWkb(bytes: Uint8Array, fail: (reason: string) => Error): Shape | undefined {
  const points: Position[] = [];
  const polygons: Position[][][] = [];
  readGeometry(new Cursor(bytes, fail), points, polygons, fail, 0);
  if (points.length > 0 && polygons.length > 0) throw fail('has points and polygons in one geometry');
  if (polygons.length > 0) return { kind: 'polygons', polygons };
  return points.length > 0 ? { kind: 'points', points } : undefined;
}

/** Adds the points and polygons of a geometry to lists. */
function readGeometry(
  cursor: Cursor,
  points: Position[],
  polygons: Position[][][],
  fail: (reason: string) => Error,
  depth: number,
): void {
  if (depth > maximumDepth) throw fail('has geometries nested too deep');
  const { type, dimensions } = cursor.header();
  switch (type) {
    case 1: {
      const [x, y] = cursor.position(dimensions);
      // An empty point has no numbers.
      if (!Number.isNaN(x)) points.push([x, y]);
      return;
    }
    case 3: {
      const rings = cursor.list(4, () => cursor.list(8 * dimensions, () => cursor.position(dimensions)));
      if (rings.length > 0) polygons.push(rings);
      return;
    }
    case 4:
    case 6:
    case 7:
      cursor.list(5, () => {
        readGeometry(cursor, points, polygons, fail, depth + 1);
      });
      return;
    default:
      throw fail(`is a ${names[type] ?? `geometry of the type ${type}`}; points and polygons are read`);
  }
}

/** Place in the bytes of a geometry. */
class Cursor {
  private place = 0;
  private littleEndian = true;
  private readonly view: DataView;

  constructor(
    bytes: Uint8Array,
    private readonly fail: (reason: string) => Error,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads byte order and type, in ISO's numbers (thousands) or PostGIS's (high bits). */
  header(): { readonly type: number; readonly dimensions: number } {
    this.need(5);
    this.littleEndian = this.view.getUint8(this.place) === 1;
    const code = this.view.getUint32(this.place + 1, this.littleEndian);
    this.place += 5;
    const hasReferenceSystem = (code & 0x20000000) !== 0;
    if (hasReferenceSystem) this.place += 4;
    const plain = code & 0x1fffffff;
    const iso = Math.floor(plain / 1000);
    const more = iso > 0 ? (iso === 3 ? 2 : 1) : (code >>> 31) + ((code >>> 30) & 1);
    return { type: plain % 1000, dimensions: 2 + more };
  }

  position(dimensions: number): Position {
    this.need(8 * dimensions);
    const x = this.view.getFloat64(this.place, this.littleEndian);
    const y = this.view.getFloat64(this.place + 8, this.littleEndian);
    this.place += 8 * dimensions;
    return [x, y];
  }

  /** Reads a count, and as many items of at least so many bytes. */
  list<Item>(itemBytes: number, read: () => Item): Item[] {
    this.need(4);
    const count = this.view.getUint32(this.place, this.littleEndian);
    this.place += 4;
    this.need(count * itemBytes);
    return Array.from({ length: count }, read);
  }

  private need(bytes: number): void {
    if (this.place + bytes > this.view.byteLength) throw this.fail('has a geometry that is cut off');
  }
}
