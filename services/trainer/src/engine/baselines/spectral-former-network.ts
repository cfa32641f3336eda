/**
 * SpectralFormer, patch-wise with cross-layer adaptive fusion (Hong et al. 2022, doi:10.1109/TGRS.2021.3130716, sections III-B and III-C): one token for
 * each band and its neighbours, five pre-norm transformer layers, a class token. Sizes as in the authors' code; dropout is left out.
 */
import { Random, tensorflow, type Tensor, type Tensor2D, type Tensor3D, type Tensor4D } from '@hyperswap/tensor';

const width = 64;
const depth = 5;
const heads = 4;
const headWidth = 16;
const hidden = 8;
/** Bands of one token. */
const groupSize = 3;

export interface NetworkSize {
  readonly bands: number;
  /** Pixels of a patch. */
  readonly area: number;
  readonly classes: number;
}

export type Parameters = ReadonlyMap<string, Tensor>;

/** Shapes by name, and of those that start Gaussian the deviation; norms start as the identity, the rest at zero. */
export function parameterShapes({ bands, area, classes }: NetworkSize): Map<string, [number[], number]> {
  const tokens = bands + 1;
  const linear = (name: string, input: number, out: number): [string, [number[], number]][] => [
    [`${name}.weight`, [[input, out], input ** -0.5]],
    [`${name}.bias`, [[out], 0]],
  ];
  const norm = (name: string): [string, [number[], number]][] => [
    [`${name}.scale`, [[width], 0]],
    [`${name}.shift`, [[width], 0]],
  ];
  const layers = Array.from({ length: depth }, (_, layer) => [
    ...norm(`${layer}.norm1`),
    [`${layer}.qkv.weight`, [[width, 3 * heads * headWidth], width ** -0.5]] as [string, [number[], number]],
    ...linear(`${layer}.out`, heads * headWidth, width),
    ...norm(`${layer}.norm2`),
    ...linear(`${layer}.fc1`, width, hidden),
    ...linear(`${layer}.fc2`, hidden, width),
    // Fusion with the output of two layers before, a convolution whose channels are the tokens.
    ...(layer > 1 ? linear(`${layer}.fusion`, 2 * tokens, tokens) : []),
  ]).flat();
  return new Map([
    ...linear('embedding', groupSize * area, width),
    ['position', [[1, tokens, width], 1]],
    ['class', [[1, 1, width], 1]],
    ...layers,
    ...norm('head.norm'),
    ...linear('head', width, classes),
  ]);
}

/** Values to start from. */
export function initialValues(
  shapes: ReadonlyMap<string, [number[], number]>,
  seed: number,
): Map<string, Float32Array> {
  const random = new Random(seed);
  const values = new Map<string, Float32Array>();
  for (const [name, [shape, deviation]] of shapes) {
    const size = shape.reduce((product, length) => product * length, 1);
    const start = name.endsWith('.scale') ? new Float32Array(size).fill(1) : new Float32Array(size);
    values.set(name, deviation > 0 ? random.normals(size, deviation) : start);
  }
  return values;
}

/**
 * @param spectra `[patches, bands, area]`, of about unit scale
 * @returns logits `[patches, classes]`
 */
export function forward(spectra: Tensor3D, parameters: Parameters): Tensor2D {
  const tf = tensorflow();
  const get = (name: string): Tensor => parameters.get(name)!;
  const [patches, bands] = spectra.shape;
  const tokens = bands + 1;
  const linear = (x: Tensor3D, name: string): Tensor3D => {
    const product = tf.matMul(tf.reshape(x, [-1, x.shape[2]]) as Tensor2D, get(`${name}.weight`) as Tensor2D);
    const shaped = tf.reshape(product, [x.shape[0], x.shape[1], -1]) as Tensor3D;
    return parameters.has(`${name}.bias`) ? tf.add(shaped, get(`${name}.bias`)) : shaped;
  };
  const norm = (x: Tensor3D, name: string): Tensor3D => {
    const { mean, variance } = tf.moments(x, -1, true);
    const standardised = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5)));
    return tf.add(tf.mul(standardised, get(`${name}.scale`)), get(`${name}.shift`));
  };
  const split = (x: Tensor3D): Tensor4D =>
    tf.transpose(tf.reshape(x, [patches, tokens, heads, headWidth]) as Tensor4D, [0, 2, 1, 3]);
  const attention = (x: Tensor3D, layer: number): Tensor3D => {
    const [q, k, v] = tf.split(linear(x, `${layer}.qkv`), 3, 2) as [Tensor3D, Tensor3D, Tensor3D];
    const scores = tf.softmax(tf.mul(tf.matMul(split(q), split(k), false, true), headWidth ** -0.5));
    const mixed = tf.transpose(tf.matMul(scores, split(v)) as Tensor4D, [0, 2, 1, 3]);
    return linear(tf.reshape(mixed, [patches, tokens, heads * headWidth]) as Tensor3D, `${layer}.out`);
  };
  const gelu = (x: Tensor3D): Tensor3D => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));

  const embedded = linear(groups(spectra), 'embedding');
  const classToken = tf.tile(get('class') as Tensor3D, [patches, 1, 1]);
  let x: Tensor3D = tf.add(tf.concat([classToken, embedded], 1), get('position'));
  const outputs: Tensor3D[] = [];
  for (let layer = 0; layer < depth; layer++) {
    outputs.push(x);
    if (layer > 1) {
      // `[patches, width, 2 · tokens]` times `[2 · tokens, tokens]`: every token from all tokens of both layers.
      const both = tf.transpose(tf.concat([x, outputs[layer - 2]!], 1), [0, 2, 1]);
      x = tf.transpose(linear(both, `${layer}.fusion`), [0, 2, 1]);
    }
    x = tf.add(x, attention(norm(x, `${layer}.norm1`), layer));
    x = tf.add(x, linear(gelu(linear(norm(x, `${layer}.norm2`), `${layer}.fc1`)), `${layer}.fc2`));
  }
  const first = tf.slice(x, [0, 0, 0], [patches, 1, width]) as Tensor3D;
  return tf.reshape(linear(norm(first, 'head.norm'), 'head'), [patches, -1]);
}

/** Group-wise spectral embedding's input: each band with its neighbours, the first and last band being neighbours too. */
function groups(spectra: Tensor3D): Tensor3D {
  const tf = tensorflow();
  const [patches, bands, area] = spectra.shape;
  const last = tf.slice(spectra, [0, bands - 1, 0], [patches, 1, area]);
  const first = tf.slice(spectra, [0, 0, 0], [patches, 1, area]);
  const before = tf.concat([last, tf.slice(spectra, [0, 0, 0], [patches, bands - 1, area])], 1);
  const after = tf.concat([tf.slice(spectra, [0, 1, 0], [patches, bands - 1, area]), first], 1);
  return tf.concat([before, spectra, after], 2) as Tensor3D;
}
