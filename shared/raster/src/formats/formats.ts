import type { RasterFormat } from '../raster-format.js';
import { mat4Format } from './mat4.js';
import { mat5Format } from './mat5.js';
import { npyFormat } from './npy.js';
import { npzFormat } from './npz.js';
import { tiffFormat } from './tiff.js';

/** All formats that are read. The first one that knows a file opens it; those that look at names only come last. */
export const formats: readonly RasterFormat[] = [npyFormat, npzFormat, mat5Format, tiffFormat, mat4Format];
