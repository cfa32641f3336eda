/**
 * MambaHSI (Li et al. 2024, doi:10.1109/TGRS.2024.3430985): a whole scene in, logits of all pixels out. Each of three
 * blocks reads the scene twice by a Mamba layer (Gu and Dao 2023, arXiv:2312.00752): once pixel after pixel, once along
 * the channels of each pixel.
 */
import {
  causalConvolution,
  groupNorm,
  selectiveScan,
  tensorflow,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from '@hyperswap/tensor';
import type { Random } from '@hyperswap/random';
import { countParameters, sizeOf } from '../shapes.js';

const width = 128;
const blocks = 3;
/** Consecutive groups of a pixel's channels: the steps of the spectral branch. */
const steps = 4;
const states = 16;
const taps = 4;
const norm = { groups: 4, epsilon: 1e-5 };

export type Parameters = ReadonlyMap<string, Tensor>;

/** Returns the shape of each parameter by its name. Weights of layers are `[out, in]`. */
export function mambaHsiShapes(bands: number, classes: number): Map<string, number[]> {
  const layer = (name: string, input: number, out: number): [string, number[]][] => [
    [`${name}.weight`, [out, input]],
    [`${name}.bias`, [out]],
  ];
  const norms = (name: string): [string, number[]][] => [
    [`${name}.weight`, [width]],
    [`${name}.bias`, [width]],
  ];
  const branch = (name: string, own: number): [string, number[]][] => [
    [`${name}.in_proj.weight`, [4 * own, own]],
    [`${name}.conv.weight`, [2 * own, taps]],
    [`${name}.conv.bias`, [2 * own]],
    [`${name}.x_proj.weight`, [rankOf(own) + 2 * states, 2 * own]],
    ...layer(`${name}.dt_proj`, rankOf(own), 2 * own),
    [`${name}.A_log`, [2 * own, states]],
    [`${name}.D`, [2 * own]],
    [`${name}.out_proj.weight`, [own, 2 * own]],
    ...norms(`${name}.norm`),
  ];
  return new Map([
    ...layer('embed', bands, width),
    ...norms('embed.norm'),
    ...Array.from({ length: blocks }, (_, block): [string, number[]][] => [
      [`block${block}.shares`, [2]],
      ...branch(`block${block}.spatial`, width),
      ...branch(`block${block}.spectral`, width / steps),
    ]).flat(),
    ...layer('head.first', width, width),
    ...norms('head.norm'),
    ...layer('head.last', width, classes),
  ]);
}

/** Returns the width of the low-rank step sizes. */
function rankOf(own: number): number {
  return Math.ceil(own / 16);
}

/** Returns the number of learned values. */
export function mambaHsiParameters(bands: number, classes: number): number {
  return countParameters(mambaHsiShapes(bands, classes));
}

/** Returns initial values: those of Mamba for its scan, uniform within ± input^-½ for the layers. */
export function initialValues(shapes: ReadonlyMap<string, number[]>, random: Random): Map<string, Float32Array> {
  return new Map(
    [...shapes].map(([name, shape]) => {
      const size = sizeOf(shape);
      if (name.endsWith('.shares')) return [name, new Float32Array(size).fill(0.5)];
      if (name.endsWith('.D') || name.endsWith('norm.weight')) return [name, new Float32Array(size).fill(1)];
      if (name.endsWith('norm.bias')) return [name, new Float32Array(size)];
      if (name.endsWith('.A_log'))
        return [name, Float32Array.from({ length: size }, (_, i) => Math.log((i % states) + 1))];
      if (name.endsWith('.dt_proj.bias')) return [name, Float32Array.from({ length: size }, () => stepBias(random))];
      // A bias has the limit of its layer's weights.
      const [, input] = shapes.get(name.replace(/bias$/, 'weight'))!;
      return [name, random.uniforms(size, input! ** -0.5)];
    }),
  );
}

/** Returns the inverse softplus of a step size, which is drawn log-uniformly from 0.001 to 0.1. */
function stepBias(random: Random): number {
  const step = Math.max(1e-4, Math.exp(Math.log(0.001) + random.uniform() * Math.log(100)));
  return step + Math.log(-Math.expm1(-step));
}

/**
 * Computes logits with a gradient of all parameters, inside a device scope.
 *
 * @param scene `[height · width, bands]`, from 0 to 1
 * @returns logits of all pixels, `[height · width, classes]`
 */
export function mambaHsiLogits(scene: Tensor2D, height: number, parameters: Parameters): Tensor2D {
  const tf = tensorflow();
  const columns = scene.shape[0] / height;
  const get = (name: string): Tensor => parameters.get(name)!;
  const linear = (x: Tensor2D, name: string): Tensor2D =>
    tf.add(tf.matMul(x, get(`${name}.weight`) as Tensor2D, false, true), get(`${name}.bias`));
  const normed = (x: Tensor2D, name: string): Tensor2D =>
    groupNorm(x, get(`${name}.weight`) as Tensor1D, get(`${name}.bias`) as Tensor1D, norm);
  /** Runs a branch on sequences of a width, with its norm over the pixels. */
  const branch = (x: Tensor2D, sequences: number, length: number, name: string): Tensor2D => {
    const own = (x.shape[0] * width) / (sequences * length);
    const mixed = mamba(tf.reshape(x, [sequences * length, own]) as Tensor2D, sequences, name, get);
    return normed(tf.reshape(mixed, x.shape), `${name}.norm`);
  };
  let [rows, row] = [height, columns];
  let x = normed(linear(scene, 'embed'), 'embed.norm');
  for (let block = 0; block < blocks; block++) {
    if (block > 0) {
      const pooled = tf.avgPool(tf.reshape(x, [1, rows, row, width]) as Tensor4D, 2, 2, 'valid');
      [rows, row] = [pooled.shape[1], pooled.shape[2]];
      x = tf.reshape(pooled, [rows * row, width]);
    }
    const pixels = rows * row;
    const shares = tf.softmax(get(`block${block}.shares`) as Tensor1D);
    const spatial = tf.mul(branch(x, 1, pixels, `block${block}.spatial`), tf.slice(shares, [0], [1]));
    const spectral = tf.mul(branch(x, pixels, steps, `block${block}.spectral`), tf.slice(shares, [1], [1]));
    // Each branch adds x, and so does the block; the shares of the branches sum to 1.
    x = tf.add(tf.add(spatial, spectral), tf.mul(x, 2));
  }
  const coarse = linear(normed(linear(x, 'head.first'), 'head.norm'), 'head.last');
  const classes = coarse.shape[1];
  const image = tf.reshape(coarse, [1, rows, row, classes]) as Tensor4D;
  const whole = tf.image.resizeBilinear(image, [height, columns], true);
  return tf.reshape(whole, [height * columns, classes]);
}

/**
 * Runs a Mamba layer on sequences of equal length.
 *
 * @param x `[sequences · length, own]`, also the result's shape
 */
function mamba(x: Tensor2D, sequences: number, name: string, get: (name: string) => Tensor): Tensor2D {
  const tf = tensorflow();
  const [tokens, own] = x.shape;
  const inner = 2 * own;
  const rank = rankOf(own);
  const length = tokens / sequences;
  const weight = (layer: string): Tensor2D => get(`${name}.${layer}`) as Tensor2D;
  const asSequences = (values: Tensor2D): Tensor3D =>
    tf.reshape(values, [sequences, length, values.shape[1]]) as Tensor3D;
  const into = (first: number): Tensor3D =>
    asSequences(tf.matMul(x, tf.slice(weight('in_proj.weight'), [first, 0], [inner, own]), false, true));
  const mixed = causalConvolution(into(0), weight('conv.weight'), get(`${name}.conv.bias`) as Tensor1D);
  const flat: Tensor2D = tf.reshape(mixed, [tokens, inner]);
  const projected: Tensor2D = tf.matMul(flat, weight('x_proj.weight'), false, true);
  const part = (first: number, count: number): Tensor2D => tf.slice(projected, [0, first], [tokens, count]);
  const raw: Tensor2D = tf.add(
    tf.matMul(part(0, rank), weight('dt_proj.weight'), false, true),
    get(`${name}.dt_proj.bias`),
  );
  const scanned = selectiveScan({
    x: mixed,
    raw: asSequences(raw),
    b: asSequences(part(rank, states)),
    c: asSequences(part(rank + states, states)),
    logarithms: weight('A_log'),
    skip: get(`${name}.D`) as Tensor1D,
    z: into(inner),
  });
  return tf.matMul(tf.reshape(scanned, [tokens, inner]) as Tensor2D, weight('out_proj.weight'), false, true);
}
