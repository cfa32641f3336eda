/** Label maps as polygons in GeoJSON: RFC 7946, longitude and latitude in degrees. */
import type { AffineTransform, ToLongitudeLatitude } from '@hyperswap/raster';
import type { LandCoverClass } from '../classes.js';
import { traceRegions, type Region } from './trace-regions.js';

export interface PolygonOptions {
  readonly labels: Uint8Array;
  readonly width: number;
  readonly classes: readonly LandCoverClass[];
  /** Smaller regions are left out. */
  readonly minimumPixels: number;
  readonly transform: AffineTransform;
  readonly toLongitudeLatitude: ToLongitudeLatitude;
  /** Hectares of a pixel; undefined where they are not known. */
  readonly hectares: number | undefined;
}

/** Returns a FeatureCollection in pieces of text, one feature for each region. */
export function* polygonsGeoJson(options: PolygonOptions): Generator<string, void, undefined> {
  yield '{"type":"FeatureCollection","features":[';
  let separator = '\n';
  for (const region of traceRegions(options.labels, options.width, options.minimumPixels)) {
    yield `${separator}${JSON.stringify(featureOf(region, options))}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

function featureOf(
  { label, pixels, rings }: Region,
  { classes, transform, toLongitudeLatitude, hectares }: PolygonOptions,
): object {
  const [a, b, c, d, e, f] = transform;
  // Mirrored transforms turn the borders around.
  const isMirrored = a * e - b * d > 0;
  const coordinates = rings.map((ring) => {
    const positions: number[][] = [];
    for (let i = 0; i < ring.length; i += 2) {
      const [x, y] = [ring[i]!, ring[i + 1]!];
      positions.push(toLongitudeLatitude(a * x + b * y + c, d * x + e * y + f).map(toCentimetres));
    }
    if (isMirrored) positions.reverse();
    return [...positions, positions[0]!];
  });
  const known = classes[label - 1];
  return {
    type: 'Feature',
    properties: {
      class: label,
      name: known?.name ?? `class ${label}`,
      ...(known && { color: `#${known.color.toString(16).padStart(6, '0')}` }),
      pixels,
      ...(hectares !== undefined && { hectares: Number((pixels * hectares).toFixed(4)) }),
    },
    geometry: { type: 'Polygon', coordinates },
  };
}

/** Rounds degrees to 7 decimals, about a centimetre. */
function toCentimetres(degrees: number): number {
  return Number(degrees.toFixed(7));
}
