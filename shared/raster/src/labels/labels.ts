import { openFile, type RandomAccess } from '../source/random-access.js';
import type { ReadOptions } from '../raster-format.js';
import type { AffineTransform, Crs } from '../raster-info.js';
import { LabelClasses } from './label-classes.js';
import { readLabelRaster } from './label-raster.js';
import { readLabelShapes } from './label-shapes.js';
import { isLabelTable, readLabelTable } from './label-table.js';

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
}

/** How labels are to be read, where their file does not say so itself. */
export interface LabelOptions extends ReadOptions {
  /** Property of GeoJSON features, or column of a table, that holds the class. */
  readonly labelProperty?: string | undefined;
  /** EPSG code of the coordinates of shapes, or `pixels`; without it the file says it, else RFC 7946 and the scene do. */
  readonly shapesCrs?: number | 'pixels' | undefined;
}

/** Labels as read, with what the user should know of them. */
export interface ReadLabels {
  /** `[height, width]`, provisional until {@link LabelClasses.finish}. */
  readonly labels: Uint8Array;
  readonly warnings: readonly string[];
}

const headBytes = 4096;

/**
 * Reads labels of a scene out of a file: a raster of its size in any format, a table of pixels, or GeoJSON points and polygons.
 * The content decides which.
 *
 * @param file path, or the file itself, which is closed at the end
 * @param classes shared by all label files of the scene
 * @throws FILE_UNREADABLE, FILE_FORMAT, VARIABLE_MISSING, LABELS_SHAPE, LABELS_VALUES, CRS_UNKNOWN
 */
export async function readLabels(
  file: string | RandomAccess,
  target: LabelTarget,
  classes: LabelClasses,
  options: LabelOptions = {},
): Promise<ReadLabels> {
  const source = typeof file === 'string' ? await openFile(file) : file;
  try {
    const head = await source.read(0, Math.min(headBytes, source.size));
    if (isLabelTable(head)) return { labels: await readLabelTable(source, target, classes, options), warnings: [] };
    // Zarr's metadata is JSON too.
    const text = Buffer.from(head).toString('utf8');
    if (/^\uFEFF?\s*\{/.test(text) && !text.includes('"zarr_format"'))
      return await readLabelShapes(source, target, classes, options);
    return { labels: await readLabelRaster(source, target, classes, options), warnings: [] };
  } finally {
    await source.close();
  }
}
