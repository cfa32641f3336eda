import type { CrsDescription } from '../crs.js';

/** Region of a map as a polygon in the map's reference system. */
export interface MapPolygon {
  /** Outer border first, counterclockwise, then its holes, clockwise; each closed, as x and y in turn. */
  readonly rings: readonly Float64Array[];
  /** Value of the class in the map. */
  readonly value: number;
  readonly name: string;
  /** Colour in the form 0xRRGGBB. */
  readonly color: number;
  readonly pixels: number;
  /** Undefined where the size of a pixel is not known. */
  readonly hectares: number | undefined;
}

/** Polygons of one map, for a file. */
export interface PolygonLayer {
  /** Returns the polygons; called once for each pass over them. */
  readonly polygons: () => Iterable<MapPolygon>;
  readonly crs: CrsDescription | undefined;
  readonly hasHectares: boolean;
}

/** Smallest box around points: least x, least y, most x, most y. */
export type Box = [number, number, number, number];

/** Returns the box around nothing. */
export function emptyBox(): Box {
  return [Infinity, Infinity, -Infinity, -Infinity];
}

/** Extends a box by points, which are x and y in turn. */
export function extendBox(box: Box, points: Float64Array): void {
  for (let i = 0; i < points.length; i += 2) {
    const [x, y] = [points[i]!, points[i + 1]!];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x);
    box[3] = Math.max(box[3], y);
  }
}

/** Returns a colour as #rrggbb. */
export function hexColor(color: number): string {
  return `#${color.toString(16).padStart(6, '0')}`;
}
