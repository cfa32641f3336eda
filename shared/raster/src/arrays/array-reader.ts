import type { NumericArray, StorageType } from '../array.js';

/**
 * Box of values out of an array. The value at logical place (i, j, …) of the box is
 * `values[i · strides[0] + j · strides[1] + …]`.
 */
export interface Box {
  readonly values: NumericArray;
  readonly strides: readonly number[];
}

/** Description of an array by its file. */
export interface ArrayDescription {
  /** Name or path, as `--variable` takes it; empty where the file holds one array without a name. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Type of the values; undefined for what cannot be a raster, as text or cells. */
  readonly type: StorageType | undefined;
  /** Kind of the array, if it cannot be a raster. */
  readonly note?: string;
}

/** Array of a file, read box by box. */
export interface ArrayReader {
  readonly shape: readonly number[];
  readonly type: StorageType;
  /** The last axis lies outermost in the file, as in MATLAB: rows of pixels are spread over all of it. */
  readonly columnMajor?: boolean;
  /** Properties of the values by the file. */
  readonly attributes?: ArrayAttributes;
  /** @throws FILE_FORMAT */
  read(start: readonly number[], count: readonly number[]): Promise<Box>;
}

/** Common attributes of an array (CF conventions, Zarr). */
export interface ArrayAttributes {
  readonly nodata?: number;
  readonly scale?: number;
  readonly offset?: number;
  readonly wavelengths?: readonly number[];
}

/** File that holds arrays by name. */
export interface ArrayContainer {
  /** Every array, also those that cannot be a raster. */
  readonly arrays: readonly ArrayDescription[];
  /** Order of the axes of a scene where the format defines one. */
  readonly axes?: 'bands-last' | 'bands-first';
  /** @param name one of `arrays` */
  open(name: string): Promise<ArrayReader>;
  close(): Promise<void>;
}

/** Strides of an array in row-major order. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}
