import { elementCount, emptyArray, gatherRowMajor, memoryType, type RasterArray } from './array.js';
import type { ArrayContainer } from './arrays/array-reader.js';

/** Reads all of an array of a file, row-major. @param name one of the container's arrays @throws FILE_FORMAT */
export async function readWholeArray(container: ArrayContainer, name: string): Promise<RasterArray> {
  const array = await container.open(name);
  const { shape, type } = array;
  const start = shape.map(() => 0);
  const { values, strides } = await array.read(start, shape);
  const result = emptyArray(memoryType(type), elementCount(shape));
  gatherRowMajor(result, values, shape, strides);
  return { shape, values: result };
}
