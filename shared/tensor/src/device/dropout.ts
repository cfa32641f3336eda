/**
 * Dropout (Srivastava et al. 2014) with seeds, so that a training that is resumed draws what an uninterrupted one
 * draws.
 */
import { tensorflow, type Tensor } from '../tensorflow.js';
import { deviceScope, handOver, type DeviceTensor } from './device-tensor.js';
import { add, multiply, roundDown } from './operations.js';
import { seededUniform, type ValuesSeed } from './seeded-values.js';

/**
 * Returns factors that set values to 0 with the probability `rate` and scale up the others, so that the mean stays. The
 * same seed gives the same factors.
 *
 * @returns float32 of `shape`
 */
export function dropoutFactors(shape: readonly number[], rate: number, seed: ValuesSeed): DeviceTensor {
  return deviceScope(() => multiply(roundDown(add(seededUniform(shape, seed), 1 - rate)), 1 / (1 - rate)));
}

/** Applies dropout to a tensor of tfjs, with a gradient. */
export function dropout<T extends Tensor>(x: T, rate: number, seed: ValuesSeed): T {
  const factors = deviceScope(() => handOver(dropoutFactors(x.shape, rate, seed)));
  return tensorflow().mul(x, factors);
}
