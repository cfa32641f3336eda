/** Dropout (Srivastava et al. 2014) with seeds, so that a training that is resumed draws what an uninterrupted one draws. */
import { tensorflow, type Tensor } from '../tensorflow.js';
import { typeAttribute } from './attributes.js';
import { deviceScope, deviceTensor, execute, handOver, type DeviceTensor } from './device-tensor.js';
import { add, multiply, roundDown } from './operations.js';

/** Two whole numbers from 0 to 2³¹ − 1. */
export type DropoutSeed = readonly [number, number];

/**
 * Returns factors that set values to 0 with the probability `rate` and scale up the others, so that the mean stays. The same seed gives
 * the same factors, whatever the number of threads: TensorFlow's generator counts (Philox; Salmon et al. 2011).
 *
 * @returns float32 of `shape`
 */
export function dropoutFactors(shape: readonly number[], rate: number, seed: DropoutSeed): DeviceTensor {
  return deviceScope(() => {
    const attributes = [
      typeAttribute('dtype', 'float32'),
      typeAttribute('T', 'int32'),
      typeAttribute('Tseed', 'int32'),
    ];
    const sizes = deviceTensor(Int32Array.from(shape), [shape.length]);
    const uniform = execute('StatelessRandomUniform', attributes, [
      sizes,
      deviceTensor(Int32Array.from(seed), [2]),
    ])[0]!;
    return multiply(roundDown(add(uniform, 1 - rate)), 1 / (1 - rate));
  });
}

/** Applies dropout to a tensor of tfjs, with a gradient. */
export function dropout<T extends Tensor>(x: T, rate: number, seed: DropoutSeed): T {
  const factors = deviceScope(() => handOver(dropoutFactors(x.shape, rate, seed)));
  return tensorflow().mul(x, factors);
}
