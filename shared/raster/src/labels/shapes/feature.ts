/** Features of any vector format: points and polygons with properties. */
import type { Crs, RasterClass } from '../../raster-info.js';

/** x and y. */
export type Position = readonly [number, number];

export type Shape =
  | { readonly kind: 'points'; readonly points: readonly Position[] }
  | { readonly kind: 'polygons'; readonly polygons: readonly (readonly (readonly Position[])[])[] };

export interface Feature {
  readonly properties: Readonly<Record<string, unknown>>;
  /** Undefined where there is no geometry, or an empty one. */
  readonly shape: Shape | undefined;
}

/** Content of a vector file. */
export interface FeatureCollection {
  readonly features: readonly Feature[];
  /** Reference system of the coordinates, `pixels`, or undefined where the file does not say. */
  readonly crs: Crs | 'pixels' | undefined;
  /** Property that holds the class, where the format has one. */
  readonly labelProperty?: string;
  /** Names and colours of classes, where the format has them. */
  readonly classes?: readonly Omit<RasterClass, 'value'>[];
}

/** Formats of vector files. */
export type ShapesFormat = 'geojson' | 'shapefile' | 'geopackage' | 'envi-roi';

/** A vector file with the files that belong to it, in memory. */
export interface ShapesFile {
  /** Name, for errors. */
  readonly file: string;
  readonly format: ShapesFormat;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Files beside it by their ending in lower case, for example `dbf`. */
  readonly beside: ReadonlyMap<string, Uint8Array>;
  /** Layer that is wanted, of files that hold several. */
  readonly layer: string | undefined;
}
