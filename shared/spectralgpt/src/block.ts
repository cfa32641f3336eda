/**
 * Pre-norm transformer block on device tensors: its forward pass, and its gradient from the tensors that the forward
 * pass saved.
 *
 * States between blocks are float32 in every precision of the layers: rounding them to bfloat16 24 times would cost
 * more accuracy than everything else.
 */
import {
  add,
  addBranch,
  batchMatMul,
  cast,
  columnSums,
  deviceScope,
  dropoutFactors,
  gelu,
  geluGradient,
  linear,
  matMul,
  multiply,
  packedBlock,
  release,
  reshape,
  sampledAttention,
  sampledAttentionGradient,
  softmax,
  softmaxGradient,
  standardise,
  standardiseGradient,
  transpose,
  type DeviceLinear,
  type DeviceTensor,
  type ValuesSeed,
} from '@hyperswap/tensor';
import { offsetsLayer, type AnyLayer, type BlockLayers, type LayerName } from './folding.js';
import type { DeviceUpdate } from './weight-update.js';

/** The release's `nn.LayerNorm(eps=1e-6)`. */
export const layerNormEpsilon = 1e-6;

export interface BlockShape {
  readonly patches: number;
  /** Tokens a patch. */
  readonly tokens: number;
  readonly width: number;
  readonly heads: number;
}

/**
 * Dropout of a block that learns: after attention's last layer, and after GELU and the last layer of the perceptron.
 */
export interface BlockDropout {
  /** Probability that a value is set to 0. */
  readonly rate: number;
  readonly drawSeed: () => ValuesSeed;
}

interface BlockFactors {
  /** `[rows, width]` */
  readonly middle: DeviceTensor;
  /** `[rows, hidden]` */
  readonly hidden: DeviceTensor;
  /** `[rows, width]` */
  readonly output: DeviceTensor;
}

/** Tensors that the forward pass saves for the gradient, ten times the state's size. Everything else is recomputed. */
export interface SavedBlock {
  /** `[rows, width]` */
  readonly input: DeviceTensor;
  /** Each `[patches, heads, tokens, head width]`. */
  readonly query: DeviceTensor;
  readonly key: DeviceTensor;
  readonly value: DeviceTensor;
  /** `[patches, heads, tokens, tokens]` */
  readonly attention: DeviceTensor;
  /** Scores before attention, of its shape; only of blocks that attend to sampled points, as the offsets. */
  readonly scores?: DeviceTensor;
  /** `[patches, heads, tokens, 2 · points]` */
  readonly offsets?: DeviceTensor;
  /** Factors of dropout after attention, inside the perceptron, and after it; only of blocks with dropout. */
  readonly factors?: BlockFactors;
  /** After attention, `[rows, width]`. */
  readonly middle: DeviceTensor;
  /** Hidden layer of the perceptron before GELU, `[rows, hidden]`. */
  readonly hidden: DeviceTensor;
}

/** Learned part of a layer: the whole layer, or an update. */
export type LayerLearning = 'whole' | DeviceUpdate;

/**
 * Gradients of the learned parts. Those of a whole layer are its weight `[in, out]` and bias `[out]`; those of an
 * update its down weight, down bias and up.
 */
export type LayerGradients = Partial<Record<AnyLayer, readonly DeviceTensor[]>>;

const byHead = [0, 2, 1, 3];

/** @param x `[rows, heads · values of a head]` */
function splitHeads(x: DeviceTensor, { patches, tokens, heads }: BlockShape): DeviceTensor {
  return deviceScope(() => transpose(reshape(x, [patches, tokens, heads, x.shape[1]! / heads]), byHead));
}

function joinHeads(x: DeviceTensor, { patches, tokens, heads }: BlockShape): DeviceTensor {
  return deviceScope(() => reshape(transpose(x, byHead), [patches * tokens, heads * x.shape[3]!]));
}

/** Standardises rows to mean 0 and variance 1, the input of the layers. */
function layerInput(x: DeviceTensor, layers: BlockLayers): DeviceTensor {
  return standardise(x, layerNormEpsilon, layers['attn.q'].weight.type);
}

/** Computes the attention of a block. Tokens that attend to sampled points form a square grid. */
function attend(
  x: DeviceTensor,
  shape: BlockShape,
  layers: BlockLayers,
): Pick<SavedBlock, 'query' | 'key' | 'value' | 'attention' | 'scores' | 'offsets'> {
  return deviceScope(() => {
    const rows = layerInput(x, layers);
    const heads = (layer: 'attn.k' | 'attn.v'): DeviceTensor =>
      deviceScope(() => splitHeads(linear(rows, layers[layer]), shape));
    const { query, offsets } = deviceScope(() => {
      const queries = linear(rows, layers['attn.q']);
      const layer = layers[offsetsLayer];
      return { query: splitHeads(queries, shape), offsets: layer && splitHeads(linear(queries, layer), shape) };
    });
    const [key, value] = [heads('attn.k'), heads('attn.v')];
    const scores = batchMatMul(query, key, false, true);
    if (offsets === undefined) return { query, key, value, attention: softmax(scores) };
    return { query, key, value, attention: sampledAttention(scores, offsets, gridSide(shape)), scores, offsets };
  });
}

/** Returns the side of the square grid that the tokens form. */
function gridSide({ tokens }: BlockShape): number {
  return Math.round(Math.sqrt(tokens));
}

/** Computes x + layer(input), in one kernel if both are float32. @param factors of dropout, of the layer's result */
function addLayer(x: DeviceTensor, input: DeviceTensor, layer: DeviceLinear, factors?: DeviceTensor): DeviceTensor {
  if (input.type === 'float32' && factors === undefined) return linear(input, layer, 'none', x);
  return deviceScope(() => addBranch(x, dropped(linear(input, layer), factors)));
}

/** Multiplies by factors of dropout, if there are any. */
function dropped(x: DeviceTensor, factors: DeviceTensor | undefined): DeviceTensor {
  return factors === undefined ? x : deviceScope(() => multiply(x, cast(factors, x.type)));
}

/** Runs a block whose layers are packed. */
function blockOfPacked(x: DeviceTensor, { tokens, heads }: BlockShape, layers: BlockLayers): DeviceTensor {
  const { 'attn.q': query, 'attn.k': key, 'attn.v': value, 'attn.proj': projection } = layers;
  const { 'mlp.fc1': first, 'mlp.fc2': second } = layers;
  // Packed inputs come in groups of four integers or two floats.
  const hidden = (second.center === undefined ? 2 : 4) * second.weight.shape[1]!;
  const shape = { tokens, heads, hidden, epsilon: layerNormEpsilon };
  return packedBlock(x, { query, key, value, projection, first, second }, shape);
}

/**
 * Runs the block.
 *
 * @param x `[patches · tokens, width]`, float32
 * @returns the same shape, float32
 */
export function block(x: DeviceTensor, shape: BlockShape, layers: BlockLayers): DeviceTensor {
  if (layers['attn.q'].weight.type === 'int32') return blockOfPacked(x, shape, layers);
  const middle = deviceScope(() => {
    const { attention, value } = attend(x, shape, layers);
    return addLayer(x, joinHeads(batchMatMul(attention, value), shape), layers['attn.proj']);
  });
  return deviceScope(() => {
    return addLayer(middle, linear(layerInput(middle, layers), layers['mlp.fc1'], 'gelu'), layers['mlp.fc2']);
  });
}

/**
 * Runs the block on a sample of patches in float32.
 *
 * @returns the state after the block, and the mean input of each layer by token, `[tokens, in]`, over the patches
 */
export function blockMeans(
  x: DeviceTensor,
  shape: BlockShape,
  layers: BlockLayers,
): { readonly output: DeviceTensor; readonly means: Readonly<Record<LayerName, DeviceTensor>> } {
  return deviceScope(() => {
    const { output, saved } = blockSaving(x, shape, layers);
    const mean = (rows: DeviceTensor): DeviceTensor => tokenMeans(rows, shape);
    const attention = mean(layerInput(x, layers));
    const projection = mean(joinHeads(batchMatMul(saved.attention, saved.value), shape));
    const first = mean(layerInput(saved.middle, layers));
    const second = mean(gelu(saved.hidden));
    const heads = { 'attn.q': attention, 'attn.k': attention, 'attn.v': attention };
    return { output, means: { ...heads, 'attn.proj': projection, 'mlp.fc1': first, 'mlp.fc2': second } };
  });
}

/** Means of rows `[patches · tokens, width]` over the patches: `[tokens, width]`. */
function tokenMeans(rows: DeviceTensor, { patches, tokens }: BlockShape): DeviceTensor {
  const width = rows.shape[1]!;
  return deviceScope(() => {
    const sums = columnSums(reshape(rows, [patches, tokens * width]));
    return reshape(multiply(sums, 1 / patches), [tokens, width]);
  });
}

/** Runs the block and saves the tensors that `blockGradient` needs. @param dropout none by default */
export function blockSaving(
  input: DeviceTensor,
  shape: BlockShape,
  layers: BlockLayers,
  dropout?: BlockDropout,
): { readonly output: DeviceTensor; readonly saved: SavedBlock } {
  const factors = dropout && factorsOf(dropout, input.shape[0]!, layers);
  const attended = attend(input, shape, layers);
  const { attention, value } = attended;
  const middle = deviceScope(() =>
    addLayer(input, joinHeads(batchMatMul(attention, value), shape), layers['attn.proj'], factors?.middle),
  );
  const hidden = deviceScope(() => linear(layerInput(middle, layers), layers['mlp.fc1']));
  const output = deviceScope(() =>
    addLayer(middle, dropped(gelu(hidden), factors?.hidden), layers['mlp.fc2'], factors?.output),
  );
  return { output, saved: { input, ...attended, middle, hidden, ...(factors && { factors }) } };
}

/** Draws the factors of dropout for `rows` rows. */
function factorsOf({ rate, drawSeed }: BlockDropout, rows: number, layers: BlockLayers): BlockFactors {
  const draw = (layer: 'attn.proj' | 'mlp.fc1' | 'mlp.fc2'): DeviceTensor =>
    dropoutFactors([rows, layers[layer].bias.shape[0]!], rate, drawSeed());
  return { middle: draw('attn.proj'), hidden: draw('mlp.fc1'), output: draw('mlp.fc2') };
}

/** Returns all tensors that a forward pass saved. */
export function savedTensors({ factors, ...saved }: SavedBlock): DeviceTensor[] {
  const own = Object.values(saved) as DeviceTensor[];
  return factors === undefined ? own : [...own, factors.middle, factors.hidden, factors.output];
}

/**
 * Computes the gradient of a layer from its `input` and the gradient `output` of its result. An update costs four thin
 * products; its weight's gradient would cost one product of full size.
 */
function layerGradient(learning: LayerLearning, input: DeviceTensor, output: DeviceTensor): readonly DeviceTensor[] {
  if (learning === 'whole') return [matMul(input, output, true), columnSums(output)];
  const { down, up } = learning;
  return deviceScope(() => {
    const inner = matMul(output, up, false, true);
    return [matMul(input, inner, true), columnSums(inner), matMul(linear(input, down), output, true)];
  });
}

/**
 * Computes the gradients of the scores, and of the offsets `[rows, heads · 2 · points]` where there are any.
 *
 * @param dAttention of the attention
 */
function attentionGradient(
  { attention, scores, offsets }: SavedBlock,
  shape: BlockShape,
  dAttention: DeviceTensor,
): { readonly dScores: DeviceTensor; readonly dOffsets?: DeviceTensor } {
  return deviceScope(() => {
    if (scores === undefined || offsets === undefined) return { dScores: softmaxGradient(attention, dAttention) };
    const gradient = sampledAttentionGradient(scores, offsets, gridSide(shape), dAttention);
    return { dScores: gradient.scores, dOffsets: joinHeads(gradient.offsets, shape) };
  });
}

/**
 * Computes the block's gradient.
 *
 * @param dy of the result, `[rows, width]`, float32, as the input's gradient
 * @param learned layers that need gradients; frozen ones cost nothing
 * @param inputLearns true if the input's gradient is needed
 * @returns gradients of the input and of those layers
 */
export function blockGradient(
  dy: DeviceTensor,
  saved: SavedBlock,
  shape: BlockShape,
  layers: BlockLayers,
  learned: ReadonlyMap<AnyLayer, LayerLearning>,
  inputLearns: boolean,
): { readonly dx: DeviceTensor | undefined; readonly gradients: LayerGradients } {
  const { query, key, value, attention, factors } = saved;
  return deviceScope(() => {
    const gradients: LayerGradients = {};
    const learn = (layer: AnyLayer, input: () => DeviceTensor, output: DeviceTensor): void => {
      const learning = learned.get(layer);
      if (learning !== undefined) gradients[layer] = layerGradient(learning, input(), output);
    };
    const throughLayer = (layer: AnyLayer, output: DeviceTensor): DeviceTensor =>
      matMul(output, layers[layer]!.weight, false, true);

    const { type } = query;

    const dMiddle = deviceScope(() => {
      const dOutput = dropped(cast(dy, type), factors?.output);
      learn('mlp.fc2', () => dropped(gelu(saved.hidden), factors?.hidden), dOutput);
      const dHidden = deviceScope(() =>
        geluGradient(saved.hidden, dropped(throughLayer('mlp.fc2', dOutput), factors?.hidden)),
      );
      learn('mlp.fc1', () => layerInput(saved.middle, layers), dHidden);
      const dRows = throughLayer('mlp.fc1', dHidden);
      release(dHidden);
      return { total: standardiseGradient(saved.middle, layerNormEpsilon, dRows, dy), gradients };
    }).total;

    const dx = deviceScope(() => {
      const dProjected = dropped(cast(dMiddle, type), factors?.middle);
      learn('attn.proj', () => joinHeads(batchMatMul(attention, value), shape), dProjected);
      const dMixed = deviceScope(() => splitHeads(throughLayer('attn.proj', dProjected), shape));
      const { dScores, dOffsets } = attentionGradient(saved, shape, batchMatMul(dMixed, value, false, true));
      if (dOffsets !== undefined) learn(offsetsLayer, () => joinHeads(query, shape), dOffsets);
      const outputs = {
        'attn.q': () => {
          const direct = joinHeads(batchMatMul(dScores, key), shape);
          return dOffsets === undefined ? direct : add(direct, throughLayer(offsetsLayer, dOffsets));
        },
        'attn.k': () => joinHeads(batchMatMul(dScores, query, true), shape),
        'attn.v': () => joinHeads(batchMatMul(attention, dMixed, true), shape),
      } as const;
      let rows: DeviceTensor | undefined;
      let dRows: DeviceTensor | undefined;
      for (const layer of ['attn.q', 'attn.k', 'attn.v'] as const) {
        if (!inputLearns && !learned.has(layer)) continue;
        const output = outputs[layer]();
        learn(layer, () => (rows ??= layerInput(saved.input, layers)), output);
        if (!inputLearns) continue;
        const part = throughLayer(layer, output);
        dRows = dRows === undefined ? part : add(dRows, part);
      }
      return { total: dRows && standardiseGradient(saved.input, layerNormEpsilon, dRows, dMiddle), gradients };
    }).total;
    return { dx, gradients };
  });
}
