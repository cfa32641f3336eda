import { elementCount, emptyArray, memoryType, type RasterArray } from './array.js';
import type { ArrayContainer } from './arrays/array-reader.js';

/** Reads all of an array of a file, row-major. @param name one of the container's arrays @throws FILE_FORMAT */
export async function readWholeArray(container: ArrayContainer, name: string): Promise<RasterArray> {
  const array = await container.open(name);
  const { shape, type } = array;
  const start = shape.map(() => 0);
  const { values, strides } = await array.read(start, shape);
  const result = emptyArray(memoryType(type), elementCount(shape));
  const index = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let target = 0; target < result.length; target++) {
    result[target] = values[source]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      source += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      source -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { shape, values: result };
}
