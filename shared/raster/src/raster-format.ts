import type { ArrayDescription } from './arrays/array-reader.js';
import type { RandomAccess } from './source/random-access.js';
import type { RasterReader } from './raster-info.js';

/** Options for reading a file, where it does not decide them. */
export interface ReadOptions {
  /** Variable of a file that holds several: its name or path. */
  readonly variable?: string | undefined;
  /** Order of the axes, of files that do not define it. */
  readonly axes?: 'bands-first' | 'bands-last' | undefined;
  /** Value of pixels without data, in place of the file's. */
  readonly nodata?: number | undefined;
  /** Factor that turns values into a physical quantity, in place of the file's. */
  readonly scale?: number | undefined;
  /** Centre, and perhaps full width, of each band in nanometres, in place of the file's. */
  readonly wavelengths?: BandTable | undefined;
  /** Bands that are not used, from 1; beside those that the file names. */
  readonly badBands?: readonly number[] | undefined;
  /** Mask: pixels where it is not 0 hold no data. `none`: not even that which a product has beside it. */
  readonly mask?: { readonly file: string; readonly variable?: string | undefined } | 'none' | undefined;
  /** Purpose of the raster, which decides the likely variable. @default scene */
  readonly content?: 'scene' | 'labels' | undefined;
}

/** Wavelengths of bands in nanometres. */
export interface BandTable {
  readonly wavelengths: readonly number[];
  readonly fullWidths?: readonly number[];
}

/** File format. */
export interface RasterFormat {
  /** Name, as errors and documents call it. */
  readonly name: string;
  /**
   * Tells files of this format.
   *
   * @param head first 512 bytes of the file, fewer when it is shorter
   * @param name of the file
   * @param beside names of the files beside it
   */
  sniff(head: Uint8Array, name: string, beside: readonly string[]): boolean;
  /**
   * Opens a file, without reading all of it. The reader closes `source`.
   *
   * @throws FILE_FORMAT, VARIABLE_MISSING, AXES_AMBIGUOUS, SCENE_SHAPE
   */
  open(source: RandomAccess, options: ReadOptions): Promise<RasterReader>;
}

/** A description of an array, as messages list it: `cube [145, 145, 200] u2`. */
export function describeArray({ name, shape, type, note }: ArrayDescription): string {
  const title = name === '' ? 'array' : name;
  return `${title} [${shape.join(', ')}] ${type ?? note ?? 'not numeric'}`;
}
