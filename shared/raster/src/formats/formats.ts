import type { RasterFormat } from '../raster-format.js';
import { enmapFormat } from './enmap.js';
import { enviFormat } from './envi.js';
import { hdf5Format } from './hdf5.js';
import { mat4Format } from './mat4.js';
import { mat5Format } from './mat5.js';
import { npyFormat } from './npy.js';
import { npzFormat } from './npz.js';
import { pngFormat } from './png.js';
import { tiffFormat } from './tiff.js';
import { zarrFormat } from './zarr.js';

/** All formats that are read. The first one that knows a file opens it; those that look at names only come last. */
export const formats: readonly RasterFormat[] = [
  npyFormat,
  npzFormat,
  pngFormat,
  mat5Format,
  hdf5Format,
  enmapFormat,
  tiffFormat,
  zarrFormat,
  mat4Format,
  enviFormat,
];
