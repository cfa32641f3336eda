import {
  describeCrs,
  toLongitudeLatitude,
  type AffineTransform,
  type Crs,
  type CrsDescription,
  type ToLongitudeLatitude,
} from '@hyperswap/raster';

/** Georeference of a map. */
export interface MapPlace {
  readonly transform: AffineTransform;
  readonly crs: Crs | undefined;
  readonly description: CrsDescription | undefined;
  /** Undefined if the reference system is not known. */
  readonly toLongitudeLatitude: ToLongitudeLatitude | undefined;
  /** Hectares of a pixel; undefined where coordinates are no metres. */
  readonly hectares: number | undefined;
}

/** Returns the properties of a georeference. */
export async function mapPlace(transform: AffineTransform, crs: Crs | undefined): Promise<MapPlace> {
  const description = crs && (await describeCrs(crs));
  const [a, b, , d, e] = transform;
  const metres = description?.metresPerUnit;
  return {
    transform,
    crs,
    description,
    toLongitudeLatitude: description && toLongitudeLatitude(description),
    hectares: metres === undefined ? undefined : (Math.abs(a * e - b * d) * metres ** 2) / 10_000,
  };
}
