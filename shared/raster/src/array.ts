/** Arrays as files hold them, before it is known what they mean. */

export type NumericArray =
  Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;

/** Where pixels lie: x = originX + column · pixelWidth, y = originY + row · pixelHeight, at the pixels' upper left corners. */
export interface GeoTransform {
  readonly originX: number;
  readonly originY: number;
  readonly pixelWidth: number;
  /** Negative where y grows upward, as in most maps. */
  readonly pixelHeight: number;
}

/** A numeric array with its shape, values in row-major order (the last index varies fastest). */
export interface RasterArray {
  readonly shape: readonly number[];
  readonly values: NumericArray;
  /** Of rasters that say where they lie. */
  readonly geoTransform?: GeoTransform;
}

const constructors = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
} as const;

/** Kind and bytes of a value, as NumPy writes them. */
export type ElementType = keyof typeof constructors;

export function isElementType(code: string): code is ElementType {
  return Object.hasOwn(constructors, code);
}

/**
 * Values out of bytes of either byte order. The bytes are copied, so that they may lie at any offset.
 *
 * @param bytes exactly `count` values
 */
export function decodeValues(bytes: Uint8Array, type: ElementType, littleEndian: boolean): NumericArray {
  const copy = Buffer.from(bytes);
  const size = Number(type[1]);
  if (!littleEndian && size === 2) copy.swap16();
  if (!littleEndian && size === 4) copy.swap32();
  if (!littleEndian && size === 8) copy.swap64();
  const buffer = new Uint8Array(copy).buffer;
  return new constructors[type](buffer);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The same array with rows last to first index order: from column-major (MATLAB, Fortran) to row-major. */
export function fromColumnMajor(shape: readonly number[], values: NumericArray): NumericArray {
  const result = values.slice();
  const strides: number[] = [];
  let stride = 1;
  for (const size of shape) {
    strides.push(stride);
    stride *= size;
  }
  const index = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let target = 0; target < values.length; target++) {
    result[target] = values[source]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      source += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
