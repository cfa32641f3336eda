/** One pre-norm transformer block on device tensors: its forward pass, and its gradient from what the forward pass saved. */
import {
  add,
  batchMatMul,
  columnSums,
  deviceScope,
  gelu,
  geluGradient,
  linear,
  matMul,
  multiply,
  reshape,
  rowSums,
  softmax,
  standardise,
  standardiseGradient,
  subtract,
  transpose,
  type DeviceLinear,
  type DeviceTensor,
} from '@hyperswap/tensor';
import type { BlockLayers, LayerName } from './folding.js';

/** The release's `nn.LayerNorm(eps=1e-6)`. */
export const layerNormEpsilon = 1e-6;

export interface BlockShape {
  readonly patches: number;
  /** Tokens a patch. */
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
}

/** What the gradient needs: ten times the state's size; everything else is computed again. */
export interface SavedBlock {
  /** `[rows, width]` */
  readonly input: DeviceTensor;
  /** Each `[patches, heads, tokens, head width]`. */
  readonly query: DeviceTensor;
  readonly key: DeviceTensor;
  readonly value: DeviceTensor;
  /** `[patches, heads, tokens, tokens]` */
  readonly attention: DeviceTensor;
  /** After attention, `[rows, width]`. */
  readonly middle: DeviceTensor;
  /** Of the perceptron, before GELU, `[rows, hidden]`. */
  readonly hidden: DeviceTensor;
}

/** Gradients of some layers: weight `[in, out]` and bias `[out]`. */
export type LayerGradients = Partial<Record<LayerName, DeviceLinear>>;

const byHead = [0, 2, 1, 3];

function splitHeads(x: DeviceTensor, { patches, tokens, width, heads }: BlockShape): DeviceTensor {
  return transpose(reshape(x, [patches, tokens, heads, width / heads]), byHead);
}

function joinHeads(x: DeviceTensor, { patches, tokens, width }: BlockShape): DeviceTensor {
  return reshape(transpose(x, byHead), [patches * tokens, width]);
}

/**
 * The block's result.
 *
 * @param x `[patches · tokens, width]`, also the result's shape
 */
export function block(x: DeviceTensor, shape: BlockShape, layers: BlockLayers): DeviceTensor {
  const middle = deviceScope(() => {
    const rows = standardise(x, layerNormEpsilon).rows;
    const heads = (layer: LayerName): DeviceTensor => splitHeads(linear(rows, layers[layer]), shape);
    const attention = softmax(batchMatMul(heads('attn.q'), heads('attn.k'), false, true));
    return linear(joinHeads(batchMatMul(attention, heads('attn.v')), shape), layers['attn.proj'], 'none', x);
  });
  return deviceScope(() => {
    const hidden = linear(standardise(middle, layerNormEpsilon).rows, layers['mlp.fc1'], 'gelu');
    return linear(hidden, layers['mlp.fc2'], 'none', middle);
  });
}

/** The same, keeping what `blockGradient` needs. */
export function blockSaving(
  input: DeviceTensor,
  shape: BlockShape,
  layers: BlockLayers,
): { readonly output: DeviceTensor; readonly saved: SavedBlock } {
  return deviceScope(() => {
    const rows = standardise(input, layerNormEpsilon).rows;
    const heads = (layer: LayerName): DeviceTensor => splitHeads(linear(rows, layers[layer]), shape);
    const [query, key, value] = [heads('attn.q'), heads('attn.k'), heads('attn.v')];
    const attention = softmax(batchMatMul(query, key, false, true));
    const middle = linear(joinHeads(batchMatMul(attention, value), shape), layers['attn.proj'], 'none', input);
    const hidden = linear(standardise(middle, layerNormEpsilon).rows, layers['mlp.fc1']);
    const output = linear(gelu(hidden), layers['mlp.fc2'], 'none', middle);
    return { output, saved: { input, query, key, value, attention, middle, hidden } };
  });
}

/**
 * The block's gradient.
 *
 * @param dy of the result, `[rows, width]`
 * @param learned layers whose gradients are wanted; frozen ones cost nothing
 * @returns gradients of the input and of those layers
 */
export function blockGradient(
  dy: DeviceTensor,
  saved: SavedBlock,
  shape: BlockShape,
  layers: BlockLayers,
  learned: ReadonlySet<LayerName>,
): { readonly dx: DeviceTensor; readonly gradients: LayerGradients } {
  const { query, key, value, attention } = saved;
  return deviceScope(() => {
    const gradients: LayerGradients = {};
    const learn = (layer: LayerName, input: () => DeviceTensor, output: DeviceTensor): void => {
      if (learned.has(layer)) gradients[layer] = { weight: matMul(input(), output, true), bias: columnSums(output) };
    };
    const throughLayer = (layer: LayerName, output: DeviceTensor): DeviceTensor =>
      matMul(output, layers[layer].weight, false, true);

    const dMiddle = deviceScope(() => {
      const { rows, factors } = standardise(saved.middle, layerNormEpsilon);
      learn('mlp.fc2', () => gelu(saved.hidden), dy);
      const dHidden = deviceScope(() => geluGradient(saved.hidden, throughLayer('mlp.fc2', dy)));
      learn('mlp.fc1', () => rows, dHidden);
      return { total: add(dy, standardiseGradient(rows, factors, throughLayer('mlp.fc1', dHidden))), gradients };
    }).total;

    const dx = deviceScope(() => {
      learn('attn.proj', () => joinHeads(batchMatMul(attention, value), shape), dMiddle);
      const dMixed = splitHeads(throughLayer('attn.proj', dMiddle), shape);
      const dAttention = batchMatMul(dMixed, value, false, true);
      // Softmax: dS = A ⊙ (dA − Σ dA ⊙ A).
      const dScores = deviceScope(() =>
        multiply(attention, subtract(dAttention, rowSums(multiply(dAttention, attention)))),
      );
      const outputs = {
        'attn.q': joinHeads(batchMatMul(dScores, key), shape),
        'attn.k': joinHeads(batchMatMul(dScores, query, true), shape),
        'attn.v': joinHeads(batchMatMul(attention, dMixed, true), shape),
      } as const;
      const { rows, factors } = standardise(saved.input, layerNormEpsilon);
      let dRows: DeviceTensor | undefined;
      for (const layer of ['attn.q', 'attn.k', 'attn.v'] as const) {
        learn(layer, () => rows, outputs[layer]);
        const part = throughLayer(layer, outputs[layer]);
        dRows = dRows === undefined ? part : add(dRows, part);
      }
      return { total: add(dMiddle, standardiseGradient(rows, factors, dRows!)), gradients };
    }).total;
    return { dx, gradients };
  });
}
