import type { NumericArray, StorageType } from '../../array.js';
import type { SerializedError } from '@hyperswap/errors';

/** Dataset of an HDF5 file. */
export interface Hdf5Dataset {
  /** Path without the slash before it. */
  readonly path: string;
  /** Shape as stored; MATLAB stores its axes in the opposite order. */
  readonly shape: readonly number[];
  /** Undefined for what is no array of numbers. */
  readonly type: StorageType | undefined;
}

/** Attributes that are read: numbers and text. */
export type Hdf5Attributes = Readonly<Record<string, number | string | readonly number[]>>;

/** Requests to the thread; all but the first are about the open file. */
export type Hdf5Order =
  | { readonly kind: 'open'; readonly path: string; readonly file: string }
  | { readonly kind: 'attributes'; readonly path: string; readonly names: readonly string[] }
  | {
      readonly kind: 'read';
      readonly path: string;
      readonly start: readonly number[];
      readonly count: readonly number[];
    };

/** Values as the library returns them: 64-bit integers are converted already. */
export type Hdf5Answer = readonly Hdf5Dataset[] | Hdf5Attributes | NumericArray;

export type Hdf5Reply = { readonly answer: Hdf5Answer } | { readonly error: SerializedError };
