/** Group norm with SiLU over all rows of a matrix: the pixels of an image. */
import { tensorflow, type Tensor, type Tensor1D, type Tensor2D } from '../tensorflow.js';
import { integer, real } from './attributes.js';
import { laneWidth } from './causal-convolution.js';
import { borrow, deviceScope, execute, handOver, release } from './device-tensor.js';
import { usesRowKernels } from './row-operations.js';
import { silu } from './silu.js';

export interface GroupNormShape {
  /** Groups of consecutive channels. */
  readonly groups: number;
  /** Added to the variances. */
  readonly epsilon: number;
}

/**
 * Computes silu(scale · standard + shift), where `standard` has mean 0 and variance 1 over each group's channels and
 * all rows (Wu and He 2018, arXiv:1803.08494), with a gradient of all inputs. On CPUs it is one op of ours; elsewhere,
 * and for channels that are no multiple of 16, TensorFlow's own ops do it.
 *
 * @param x `[rows, channels]`, also the result's shape
 * @param scale `[channels]`
 * @param shift `[channels]`
 */
export function groupNorm(
  x: Tensor2D,
  scale: Tensor1D,
  shift: Tensor1D,
  { groups, epsilon }: GroupNormShape,
): Tensor2D {
  const tf = tensorflow();
  if (!usesRowKernels() || x.shape[1] % laneWidth !== 0) return composedNorm(x, scale, shift, { groups, epsilon });
  const operation = tf.customGrad((...given) => {
    const inputs = given.slice(0, 3) as Tensor[];
    const save = given[3] as (tensors: Tensor[]) => void;
    save(inputs);
    const attributes = [integer('groups', groups), real('epsilon', epsilon)];
    const [y, statistics] = deviceScope(() => execute('HyperswapGroupNorm', attributes, inputs.map(borrow), 2));
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] =>
      deviceScope(() => {
        const all = [...saved.map(borrow), statistics!, borrow(dy)];
        const gradients = execute('HyperswapGroupNormGradient', [integer('groups', groups)], all, 3);
        release(statistics!);
        return gradients.map(handOver);
      });
    return { value: handOver(y!), gradFunc };
  });
  return operation(x, scale, shift) as Tensor2D;
}

function composedNorm(x: Tensor2D, scale: Tensor1D, shift: Tensor1D, { groups, epsilon }: GroupNormShape): Tensor2D {
  const tf = tensorflow();
  const [rows, channels] = x.shape;
  const grouped = tf.reshape(x, [rows, groups, channels / groups]);
  const centred = tf.sub(grouped, tf.mean(grouped, [0, 2], true));
  const factors = tf.rsqrt(tf.add(tf.mean(tf.square(centred), [0, 2], true), epsilon));
  const standard = tf.reshape(tf.mul(centred, factors), [rows, channels]);
  return silu(tf.add(tf.mul(standard, scale), shift)) as Tensor2D;
}
