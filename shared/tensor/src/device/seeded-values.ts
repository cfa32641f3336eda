/**
 * Random values by TensorFlow's generator that counts (Philox; Salmon et al. 2011): the same for the same seed,
 * whatever the number of threads, and a hundred times as fast as numbers that are drawn one by one.
 */
import { typeAttribute } from './attributes.js';
import { deviceScope, deviceTensor, execute, readDevice, type DeviceTensor } from './device-tensor.js';
import { multiply } from './operations.js';

/** Two whole numbers from 0 to 2³¹ − 1. */
export type ValuesSeed = readonly [number, number];

function draw(op: string, shape: readonly number[], seed: ValuesSeed): DeviceTensor {
  const types = [typeAttribute('dtype', 'float32'), typeAttribute('T', 'int32'), typeAttribute('Tseed', 'int32')];
  const sizes = deviceTensor(Int32Array.from(shape), [shape.length]);
  return deviceScope(() => execute(op, types, [sizes, deviceTensor(Int32Array.from(seed), [2])])[0]!);
}

/** Returns values from 0 to 1, float32. */
export function seededUniform(shape: readonly number[], seed: ValuesSeed): DeviceTensor {
  return deviceScope(() => draw('StatelessRandomUniform', shape, seed));
}

/** Returns normal numbers of mean 0. */
export function seededNormals(count: number, deviation: number, seed: ValuesSeed): Float32Array {
  return deviceScope(
    () => readDevice(multiply(draw('StatelessRandomNormal', [count], seed), deviation)) as Float32Array,
  );
}
