/** Values of classes in a label raster: their numbers, or the codes of the label files that they come from. */
export interface ClassValues {
  /** Value of each class, from class 1 on. */
  readonly values: readonly number[];
  /** Value of pixels without data, which no class has. */
  readonly nodata: number;
  readonly type: 'uint8' | 'uint16';
  /** Codes that no label raster can hold, so that the values are the numbers of the classes. */
  readonly unfit: readonly number[];
}

/** Largest value of a label raster. */
const largestValue = 65_535;

/**
 * Returns the values: codes where every class has one from 0 to 65535, else numbers from 1 on.
 *
 * @param classes with unique codes
 */
export function classValues(classes: readonly { readonly code?: number | undefined }[]): ClassValues {
  const codes = classes.flatMap(({ code }) => code ?? []);
  const unfit = codes.filter((code) => !Number.isInteger(code) || code < 0 || code > largestValue);
  const isCoded = codes.length === classes.length && unfit.length === 0;
  const values = isCoded ? codes : classes.map((_, index) => index + 1);
  const used = new Set(values);
  const most = Math.max(0, ...values);
  const type = most > 255 || (used.has(0) && used.size === 256) ? 'uint16' : 'uint8';
  let nodata = 0;
  if (used.has(nodata)) for (nodata = type === 'uint8' ? 255 : largestValue; used.has(nodata);) nodata -= 1;
  return { values, nodata, type, unfit };
}
