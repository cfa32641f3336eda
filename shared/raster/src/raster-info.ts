import type { ElementType, NumericArray } from './array.js';
import type { ArrayDescription } from './arrays/array-reader.js';
import type { Window } from './window.js';

/** Coordinate reference system, as a file names it. */
export interface Crs {
  readonly epsg?: number;
  readonly wkt?: string;
}

/**
 * Six numbers a, b, c, d, e, f: x = a·column + b·row + c, y = d·column + e·row + f, for the upper left corner of a
 * pixel.
 */
export type AffineTransform = readonly [number, number, number, number, number, number];

/** Class of a classified raster: its value, name and colour. */
export interface RasterClass {
  readonly value: number;
  readonly name?: string;
  /** Colour in the form 0xRRGGBB. */
  readonly color?: number;
}

/** Description of a raster by its file. */
export interface RasterInfo {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  /** Type of the values that `readWindow` returns. */
  readonly type: ElementType;
  /** Centre of each band in nanometres. */
  readonly wavelengths?: readonly number[] | undefined;
  /** Full width at half maximum of each band in nanometres. */
  readonly fullWidths?: readonly number[] | undefined;
  /** False for bands without use. */
  readonly goodBands?: readonly boolean[] | undefined;
  /** Quantity = value · scale + offset. */
  readonly scale?: number | undefined;
  readonly offset?: number | undefined;
  /** A pixel whose bands all have this value has no data. */
  readonly nodata?: number | undefined;
  /** A pixel whose bands are all zero has no data either. */
  readonly zeroIsNodata?: boolean | undefined;
  readonly crs?: Crs | undefined;
  readonly transform?: AffineTransform | undefined;
  /** Classes, where the raster is a classification that names them. */
  readonly classes?: readonly RasterClass[] | undefined;
  /** Content of the file. */
  readonly variables: readonly ArrayDescription[];
  /** Variable that is read; empty where the file holds one without a name. */
  readonly variable: string;
}

/** Map that the pixels of a raster are placed on by a table. */
export interface LookupTable {
  /** Rows of the map. */
  readonly height: number;
  /** Columns of the map. */
  readonly width: number;
  readonly crs: Crs | undefined;
  readonly transform: AffineTransform;
  /**
   * Reads some rows of the table.
   *
   * @returns pixel of the raster (row · width + column) on each cell, `[count, width]`; -1 where there is none
   */
  readRows(row: number, count: number): Promise<Int32Array>;
}

/** Raster in a file, read by windows. */
export interface RasterReader {
  readonly info: RasterInfo;
  /**
   * Reads a rectangle of pixels.
   *
   * @param bands to read, in this order; all by default
   * @returns `[height, width, bands]`, row by row, the bands of a pixel together
   * @throws FILE_FORMAT
   */
  readWindow(window: Window, bands?: readonly number[]): Promise<NumericArray>;
  close(): Promise<void>;
  /** Name of the mask of the product beside the file, where there is one. */
  readonly maskBeside?: string | undefined;
  /** Places the pixels on a map, where the raster is in the geometry of the sensor and its product tells it. */
  readonly lookupTable?: LookupTable | undefined;
}
