import { failure } from '@hyperswap/errors';
import { isZarr } from '../formats/zarr.js';
import { takeFromMap } from '../lookup-table.js';
import { openFile, type RandomAccess } from '../source/random-access.js';
import type { LabelClasses } from './label-classes.js';
import type { LabelOptions, LabelTarget, ReadLabels } from './label-options.js';
import { readLabelRaster } from './label-raster.js';
import { readLabelShapes } from './label-shapes.js';
import { shapesFormatOf } from './shapes/shapes-format.js';
import { isLabelTable, readLabelTable } from './label-table.js';

const headBytes = 4096;

/**
 * Reads labels of a scene out of a file: a raster of its size in any format, a table of pixels, or points and polygons
 * in a vector format. The content decides which.
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
    const format = shapesFormatOf(head);
    const isRaster = format === 'geojson' && isZarr(head, await source.siblings());
    const { lookupTable: table } = target;
    if (format !== undefined && !isRaster) {
      const read = await readLabelShapes(source, format, table ?? target, classes, options);
      return table === undefined ? read : { ...read, labels: await takeFromMap(table, read.labels, target) };
    }
    if (/\.roi$/i.test(source.name)) {
      const expected = 'regions of ENVI as XML, or as text by "Output ROIs to ASCII"';
      const reason =
        'the binary form of ENVI Classic has no published layout: export the regions in one of these forms';
      throw failure('FILE_FORMAT', { file: source.name, expected, reason });
    }
    return { labels: await readLabelRaster(source, target, classes, options), warnings: [] };
  } finally {
    await source.close();
  }
}
