/** The layers of a vision transformer, with gradients that save little. */
import { tensorflow, type Tensor, type Tensor2D, type Tensor4D } from '@hyperswap/tensor';
import type { Weights } from './weights.js';

/** The release's `nn.LayerNorm(eps=1e-6)`. */
const layerNormEpsilon = 1e-6;

/** x · Wᵀ + b. @param x `[rows, in]` @returns `[rows, out]` */
export function linear(x: Tensor2D, weights: Weights, name: string): Tensor2D {
  const tf = tensorflow();
  const product = tf.matMul(x, weights.get(`${name}.weight`) as Tensor2D, false, true);
  return tf.add(product, weights.get(`${name}.bias`));
}

/**
 * Rows to mean 0 and variance 1. The gradient recomputes nothing and saves the result and one number a row:
 * dx = (dy − mean(dy) − y · mean(dy · y)) / σ.
 */
function standardiseRows(x: Tensor2D): Tensor2D {
  const tf = tensorflow();
  const operation = tf.customGrad((input, save) => {
    const centred = tf.sub(input as Tensor, tf.mean(input as Tensor, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const inverse = tf.rsqrt(tf.add(variance, layerNormEpsilon));
    const y = tf.mul(centred, inverse);
    (save as (tensors: Tensor[]) => void)([y, inverse]);
    return {
      value: y,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [result, scale] = saved as [Tensor, Tensor];
        const projected = tf.mul(result, tf.mean(tf.mul(dy, result), -1, true));
        return tf.mul(tf.sub(tf.sub(dy, tf.mean(dy, -1, true)), projected), scale);
      },
    };
  });
  return operation(x) as Tensor2D;
}

export function layerNorm(x: Tensor2D, weights: Weights, name: string): Tensor2D {
  const tf = tensorflow();
  return tf.add(tf.mul(standardiseRows(x), weights.get(`${name}.weight`)), weights.get(`${name}.bias`));
}

/** x · Φ(x), by the error function, not its tanh approximation. The gradient, Φ(x) + x · φ(x), recomputes from x. */
export function gelu(x: Tensor2D): Tensor2D {
  const tf = tensorflow();
  const cumulative = (t: Tensor): Tensor => tf.add(tf.mul(tf.erf(tf.mul(t, Math.SQRT1_2)), 0.5), 0.5);
  const operation = tf.customGrad((input, save) => {
    const t = input as Tensor;
    (save as (tensors: Tensor[]) => void)([t]);
    return {
      value: tf.mul(t, cumulative(t)),
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [argument] = saved as [Tensor];
        const density = tf.mul(tf.exp(tf.mul(tf.square(argument), -0.5)), 1 / Math.sqrt(2 * Math.PI));
        return tf.mul(dy, tf.add(cumulative(argument), tf.mul(argument, density)));
      },
    };
  });
  return operation(x) as Tensor2D;
}

/** The projections of attention that adapters may add to. */
export type AdaptedProjection = 'q' | 'v';

/**
 * What an adapter in training adds to a projection: given the normalised tokens `[rows, width]`, the addition
 * `[rows, width]`, or nothing.
 */
export type ProjectionUpdate = (block: number, projection: AdaptedProjection, x: Tensor2D) => Tensor2D | undefined;

export interface BlockShape {
  readonly patches: number;
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
}

/**
 * Multi-head self-attention among the tokens of each patch.
 *
 * @param x `[patches · tokens, width]`
 */
function attention(x: Tensor2D, shape: BlockShape, weights: Weights, prefix: string, update?: UpdateOfBlock): Tensor2D {
  const tf = tensorflow();
  const { patches, tokens, width, heads } = shape;
  const headWidth = width / heads;
  const project = (name: 'q' | 'k' | 'v'): Tensor2D => {
    const projected = linear(x, weights, `${prefix}.${name}`);
    const addition = name === 'k' ? undefined : update?.(name, x);
    return addition === undefined ? projected : tf.add(projected, addition);
  };
  const split = (t: Tensor): Tensor4D => tf.transpose(tf.reshape(t, [patches, tokens, heads, headWidth]), [0, 2, 1, 3]);
  const query = split(tf.mul(project('q'), headWidth ** -0.5));
  const scores = tf.softmax(tf.matMul(query, split(project('k')), false, true));
  const mixed = tf.transpose(tf.matMul(scores, split(project('v'))), [0, 2, 1, 3]);
  return linear(tf.reshape(mixed, [patches * tokens, width]) as Tensor2D, weights, `${prefix}.proj`);
}

type UpdateOfBlock = (projection: AdaptedProjection, x: Tensor2D) => Tensor2D | undefined;

/**
 * One pre-norm transformer block.
 *
 * @param x `[patches · tokens, width]`, also the result's shape
 */
export function transformerBlock(
  x: Tensor2D,
  shape: BlockShape,
  weights: Weights,
  prefix: string,
  update?: UpdateOfBlock,
): Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => {
    const attended = attention(layerNorm(x, weights, `${prefix}.norm1`), shape, weights, `${prefix}.attn`, update);
    const middle: Tensor2D = tf.add(x, attended);
    const hidden = gelu(linear(layerNorm(middle, weights, `${prefix}.norm2`), weights, `${prefix}.mlp.fc1`));
    return tf.add(middle, linear(hidden, weights, `${prefix}.mlp.fc2`));
  });
}
