import { failure } from '@hyperswap/errors';
import { takeFromMap } from '../lookup-table.js';
import { openRaster } from '../open-raster.js';
import type { ReadOptions } from '../raster-format.js';
import type { RandomAccess } from '../source/random-access.js';
import type { LabelTarget } from './label-options.js';
import type { LabelClasses } from './label-classes.js';

/** Values that are read at once, a few milliseconds of work. */
const blockValues = 512 * 1024;

/**
 * Reads labels out of a raster of the scene's size.
 *
 * @throws LABELS_SHAPE when it is not of the scene's size; LABELS_VALUES when a value is no label; what opening a
 * raster throws
 */
export async function readLabelRaster(
  source: RandomAccess,
  target: LabelTarget,
  classes: LabelClasses,
  options: ReadOptions,
): Promise<Uint8Array> {
  const raster = await openRaster(source, { ...options, content: 'labels' });
  try {
    const { info } = raster;
    const { lookupTable: table } = target;
    // A map of the product's size is taken back to its pixels.
    const isMap = table?.height === info.height && table.width === info.width;
    const { height, width } = isMap ? table : target;
    const name = `${source.name} ${info.variable}`.trim();
    if (info.bands !== 1 || info.height !== height || info.width !== width) {
      const found = `${info.height} × ${info.width}${info.bands === 1 ? '' : ` × ${info.bands}`}`;
      throw failure('LABELS_SHAPE', { labels: name, found, wanted: `${height} × ${width}` });
    }
    classes.describe(info.classes ?? []);
    const labels = new Uint8Array(height * width);
    const known = new Map<number, number>();
    const rows = Math.max(1, Math.floor(blockValues / width));
    for (let row = 0; row < height; row += rows) {
      const count = Math.min(rows, height - row);
      const values = await raster.readWindow({ row, column: 0, height: count, width });
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        let label = known.get(value);
        if (label === undefined) {
          label = classes.labelOf(value, info.nodata);
          if (label === undefined) {
            const place = row * width + i;
            const reason = `it holds the value ${value}, at row ${Math.floor(place / width)}, column ${place % width} (--nodata and --map-classes say what values mean)`;
            throw failure('LABELS_VALUES', { labels: name, reason });
          }
          known.set(value, label);
        }
        labels[row * width + i] = label;
      }
    }
    return isMap ? await takeFromMap(table, labels, target) : labels;
  } finally {
    await raster.close();
  }
}
