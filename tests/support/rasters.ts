import {
  bytesInMemory,
  LabelClasses,
  openRaster,
  readLabels,
  type LabelOptions,
  type LabelTarget,
  type NumericArray,
  type RandomAccess,
  type RasterInfo,
  type ReadOptions,
} from '@hyperswap/raster';

/** Raster that is completely in memory. */
export interface WholeRaster {
  readonly info: RasterInfo;
  /** `[height, width, bands]` */
  readonly values: NumericArray;
}

/** Reads a whole raster from a path, or from bytes as a file of this name. */
export async function readRaster(
  file: string | RandomAccess,
  options: ReadOptions = {},
  bytes?: Uint8Array,
): Promise<WholeRaster> {
  const source = bytes === undefined || typeof file !== 'string' ? file : bytesInMemory(file, bytes);
  const raster = await openRaster(source, options);
  try {
    const { info } = raster;
    const values = await raster.readWindow({ row: 0, column: 0, height: info.height, width: info.width });
    return { info, values };
  } finally {
    await raster.close();
  }
}

/** Reads all labels of a raster, `[height, width]`. */
export async function readMap(file: string, bytes?: Uint8Array): Promise<NumericArray> {
  return (await readRaster(file, { content: 'labels' }, bytes)).values;
}

/** Reads labels of a scene, and assigns their final numbers. */
export async function labelsFrom(
  file: string | RandomAccess,
  target: LabelTarget,
  options: LabelOptions = {},
  classes = new LabelClasses(),
): Promise<{ labels: Uint8Array; warnings: readonly string[]; names: readonly string[]; codes: readonly number[] }> {
  const { labels, warnings } = await readLabels(file, target, classes, options);
  const { classes: named } = classes.finish([labels]);
  return { labels, warnings, names: named.map(({ name }) => name), codes: named.flatMap(({ code }) => code ?? []) };
}
