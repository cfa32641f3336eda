import type { ReadOptions } from '../../raster-format.js';
import type { RasterReader } from '../../raster-info.js';
import type { RandomAccess } from '../../source/random-access.js';
import type { Hdf5File } from './hdf5-file.js';

/** Product of a mission that is an HDF5 file of a known layout. */
export interface Hdf5Product {
  readonly name: string;
  /** Tells files of this product by the datasets they hold. */
  matches(file: Hdf5File): boolean;
  /** Opens its raster. The reader closes `file` and `source`. @throws FILE_FORMAT */
  open(source: RandomAccess, file: Hdf5File, options: ReadOptions): Promise<RasterReader>;
}
