import type { AffineTransform, MapClass, MapPolygon } from '@hyperswap/raster';
import { traceRegions } from './trace-regions.js';

export interface PolygonOptions {
  readonly labels: Uint8Array;
  readonly width: number;
  readonly classes: readonly MapClass[];
  /** Smaller regions are left out. */
  readonly minimumPixels: number;
  readonly transform: AffineTransform;
  /** Hectares of a pixel; undefined where they are not known. */
  readonly hectares: number | undefined;
}

/** Returns the regions of a label map as polygons in the reference system of the map. */
export function* mapPolygons(options: PolygonOptions): Generator<MapPolygon, void, undefined> {
  const { classes, hectares } = options;
  const [a, b, c, d, e, f] = options.transform;
  // Mirrored transforms turn the borders around.
  const isMirrored = a * e - b * d > 0;
  for (const { label, pixels, rings } of traceRegions(options.labels, options.width, options.minimumPixels)) {
    const placed = rings.map((ring) => {
      const points = new Float64Array(ring.length + 2);
      for (let i = 0; i < points.length; i += 2) {
        const source = (isMirrored ? points.length - 2 - i : i) % ring.length;
        const [x, y] = [ring[source]!, ring[source + 1]!];
        points[i] = a * x + b * y + c;
        points[i + 1] = d * x + e * y + f;
      }
      return points;
    });
    const { value, name, color } = classes[label - 1]!;
    const area = hectares === undefined ? undefined : Number((pixels * hectares).toFixed(4));
    yield { rings: placed, value, name, color, pixels, hectares: area };
  }
}
