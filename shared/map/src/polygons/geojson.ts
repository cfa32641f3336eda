/** Polygons of a map in GeoJSON: RFC 7946, longitude and latitude in degrees. */
import { hexColor, type MapPolygon, type ToLongitudeLatitude } from '@hyperswap/raster';

/** Returns a FeatureCollection in pieces of text, one feature for each polygon. */
export function* polygonsGeoJson(
  polygons: Iterable<MapPolygon>,
  toLongitudeLatitude: ToLongitudeLatitude,
): Generator<string, void, undefined> {
  yield '{"type":"FeatureCollection","features":[';
  let separator = '\n';
  for (const polygon of polygons) {
    yield `${separator}${JSON.stringify(featureOf(polygon, toLongitudeLatitude))}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

function featureOf(
  { rings, value, name, color, pixels, hectares }: MapPolygon,
  toLongitudeLatitude: ToLongitudeLatitude,
): object {
  const coordinates = rings.map((ring) =>
    Array.from({ length: ring.length / 2 }, (_, point) =>
      toLongitudeLatitude(ring[2 * point]!, ring[2 * point + 1]!).map(toCentimetres),
    ),
  );
  return {
    type: 'Feature',
    properties: { class: value, name, color: hexColor(color), pixels, ...(hectares !== undefined && { hectares }) },
    geometry: { type: 'Polygon', coordinates },
  };
}

/** Rounds degrees to 7 decimals, about a centimetre. */
function toCentimetres(degrees: number): number {
  return Number(degrees.toFixed(7));
}
