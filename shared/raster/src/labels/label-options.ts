import type { ReadOptions } from '../raster-format.js';
import type { AffineTransform, Crs, LookupTable } from '../raster-info.js';

/** Labels of a scene, 0 for unlabelled. */
export interface LabelMap {
  readonly name: string;
  /** `[height, width]`, row by row. */
  readonly labels: Uint8Array;
}

/** Scene that labels are of. */
export interface LabelTarget {
  readonly height: number;
  readonly width: number;
  readonly crs?: Crs | undefined;
  /** From pixels to coordinates; without it the coordinates of shapes are pixels. */
  readonly transform?: AffineTransform | undefined;
  /** Places its pixels on a map: shapes, and rasters of the size of that map, are taken back to the pixels. */
  readonly lookupTable?: LookupTable | undefined;
}

/** Options for reading labels, where their file does not decide it. */
export interface LabelOptions extends ReadOptions {
  /** Property of features, or column of a table, that holds the class. */
  readonly labelProperty?: string | undefined;
  /**
   * EPSG code of the coordinates of shapes, or `pixels`; without it the file says it, else RFC 7946 and the scene do.
   */
  readonly shapesCrs?: number | 'pixels' | undefined;
}

/** Labels as read, with what the user should know of them. */
export interface ReadLabels {
  /** `[height, width]`, provisional until `LabelClasses.finish`. */
  readonly labels: Uint8Array;
  readonly warnings: readonly string[];
}
