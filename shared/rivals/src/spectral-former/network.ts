/**
 * SpectralFormer, patch-wise with cross-layer adaptive fusion (Hong et al. 2022, doi:10.1109/TGRS.2021.3130716,
 * sections III-B and III-C): one token for each band and its neighbours, five pre-norm transformer layers, a class
 * token. Sizes are those of the authors' code.
 */
import { encodeLearning, layerNorm, linearLayer, Weights, type BlockDropout } from '@hyperswap/spectralgpt';
import { Random } from '@hyperswap/random';
import { dropout as drop, tensorflow, type Tensor, type Tensor2D, type Tensor3D } from '@hyperswap/tensor';
import { sizeOf, type Shapes } from '../shapes.js';

const width = 64;
const depth = 5;
const heads = 4;
const hidden = 8;
/** Bands of one token. */
const groupSize = 3;

/** Returns the prefix of a layer's names. Each layer is a stack of one block, because fusion comes between layers. */
function layerPrefix(layer: number): string {
  return `layer${layer}`;
}

export interface NetworkSize {
  readonly bands: number;
  /** Pixels of a patch. */
  readonly area: number;
  readonly classes: number;
}

export type Parameters = ReadonlyMap<string, Tensor>;

/**
 * Returns shapes by name. The layers' parameters have the names and layouts (`[out, in]`) of the backbone's blocks.
 */
export function spectralFormerShapes({ bands, area, classes }: NetworkSize): Map<string, number[]> {
  const tokens = bands + 1;
  const linear = (name: string, input: number, out: number): [string, number[]][] => [
    [`${name}.weight`, [out, input]],
    [`${name}.bias`, [out]],
  ];
  const norm = (name: string): [string, number[]][] => [
    [`${name}.weight`, [width]],
    [`${name}.bias`, [width]],
  ];
  const layers = Array.from({ length: depth }, (_, layer): [string, number[]][] => {
    const block = `${layerPrefix(layer)}.0`;
    return [
      ...norm(`${block}.norm1`),
      // Attention's projections have no bias of their own.
      ...['q', 'k', 'v'].map((name): [string, number[]] => [`${block}.attn.${name}.weight`, [width, width]]),
      ...linear(`${block}.attn.proj`, width, width),
      ...norm(`${block}.norm2`),
      ...linear(`${block}.mlp.fc1`, width, hidden),
      ...linear(`${block}.mlp.fc2`, hidden, width),
      // Fusion with the output of the layer two before, a convolution whose channels are the tokens.
      ...(layer > 1 ? linear(`${layerPrefix(layer)}.fusion`, 2 * tokens, tokens) : []),
    ];
  }).flat();
  return new Map([
    ...linear('embedding', groupSize * area, width),
    ['position', [1, tokens, width]],
    ['class', [1, 1, width]],
    ...layers,
    ...norm('head.norm'),
    ...linear('head', width, classes),
  ]);
}

/**
 * Returns initial values, which are those of the authors' program: standard normal for the positions and the class
 * token, uniform within ± input^-½ for the layers and their biases, as PyTorch's, and the identity for norms.
 */
export function initialValues(shapes: Shapes, seed: number): Map<string, Float32Array> {
  const random = new Random(seed);
  return new Map(
    [...shapes].map(([name, shape]) => {
      const size = sizeOf(shape);
      if (/norm\d?\.weight$/.test(name)) return [name, new Float32Array(size).fill(1)];
      if (/norm\d?\.bias$/.test(name)) return [name, new Float32Array(size)];
      if (name === 'position' || name === 'class') return [name, random.normals(size, 1)];
      // A bias has the limit of its layer's weights.
      const [, input] = shapes.get(name.replace(/bias$/, 'weight'))!;
      return [name, random.uniforms(size, input! ** -0.5)];
    }),
  );
}

/**
 * Computes logits with a gradient of all parameters. The layers run in the backbone's block. Its kernels pass over the
 * 201 × 201 attention of every patch once; tfjs's ops pass over it a dozen times.
 *
 * @param spectra `[patches, bands, area]`, of about unit scale
 * @param dropout while it learns: of the embedded tokens, and in the layers
 * @returns logits `[patches, classes]`
 */
export function spectralFormerLogits(spectra: Tensor3D, parameters: Parameters, dropout?: BlockDropout): Tensor2D {
  const tf = tensorflow();
  const [patches, bands] = spectra.shape;
  const tokens = bands + 1;
  const weights = new Weights(parameters, absentBiases());
  const encodeLayer = (x: Tensor3D, layer: number): Tensor3D => {
    const stack = { prefix: layerPrefix(layer), depth: 1, width, heads };
    const blocks = { stack, precision: 'float32', weights, inputLearns: true, dropout } as const;
    return tf.reshape(encodeLearning(tf.reshape(x, [-1, width]) as Tensor2D, tokens, blocks), x.shape) as Tensor3D;
  };
  /**
   * Computes every token from all tokens of both layers: `[patches · width, 2 · tokens]` times `[2 · tokens, tokens]`.
   */
  const fuse = (x: Tensor3D, earlier: Tensor3D, name: string): Tensor3D => {
    const both = tf.transpose(tf.concat([x, earlier], 1), [0, 2, 1]);
    const fused = linearLayer(tf.reshape(both, [patches * width, 2 * tokens]) as Tensor2D, weights, name);
    return tf.transpose(tf.reshape(fused, [patches, width, tokens]) as Tensor3D, [0, 2, 1]);
  };
  const groupsOfBands = tf.reshape(groups(spectra), [patches * bands, -1]) as Tensor2D;
  const embedded = tf.reshape(linearLayer(groupsOfBands, weights, 'embedding'), [patches, bands, width]) as Tensor3D;
  const classToken = tf.tile(weights.get('class') as Tensor3D, [patches, 1, 1]);
  const placed: Tensor3D = tf.add(tf.concat([classToken, embedded], 1), weights.get('position'));
  let x = dropout === undefined ? placed : drop(placed, dropout.rate, dropout.drawSeed());
  const inputs: Tensor3D[] = [];
  for (let layer = 0; layer < depth; layer++) {
    inputs.push(x);
    if (layer > 1) x = fuse(x, inputs[layer - 2]!, `${layerPrefix(layer)}.fusion`);
    x = encodeLayer(x, layer);
  }
  const first = tf.reshape(tf.slice(x, [0, 0, 0], [patches, 1, width]), [patches, width]) as Tensor2D;
  return linearLayer(layerNorm(first, weights, 'head.norm'), weights, 'head');
}

/**
 * Returns the input of group-wise spectral embedding: each band with its neighbours. The first and last band are
 * neighbours too.
 */
function groups(spectra: Tensor3D): Tensor3D {
  const tf = tensorflow();
  const [patches, bands, area] = spectra.shape;
  const last = tf.slice(spectra, [0, bands - 1, 0], [patches, 1, area]);
  const first = tf.slice(spectra, [0, 0, 0], [patches, 1, area]);
  const before = tf.concat([last, tf.slice(spectra, [0, 0, 0], [patches, bands - 1, area])], 1);
  const after = tf.concat([tf.slice(spectra, [0, 1, 0], [patches, bands - 1, area]), first], 1);
  return tf.concat([before, spectra, after], 2) as Tensor3D;
}

/** Zeros in place of the biases that attention's projections do not have. */
function absentBiases(): Weights {
  const zeros = tensorflow().zeros([width]);
  const names = Array.from({ length: depth }, (_, layer) =>
    ['q', 'k', 'v'].map((name) => `${layerPrefix(layer)}.0.attn.${name}.bias`),
  );
  return new Weights(new Map(names.flat().map((name) => [name, zeros])));
}
