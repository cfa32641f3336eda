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
  gelu,
  geluGradient,
  linear,
  matMul,
  multiply,
  packedBlock,
  release,
  reshape,
  softmax,
  softmaxGradient,
  standardise,
  standardiseGradient,
  transpose,
  type DeviceLinear,
  type DeviceTensor,
} from '@hyperswap/tensor';
import type { BlockLayers, LayerName } from './folding.js';
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
 * Tensors that the forward pass saves for the gradient, ten times the state's size. Everything else is computed again.
 */
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
  /** Hidden layer of the perceptron before GELU, `[rows, hidden]`. */
  readonly hidden: DeviceTensor;
}

/** Learned part of a layer: the whole layer, or an update. */
export type LayerLearning = 'whole' | DeviceUpdate;

/**
 * Gradients of the learned parts. Those of a whole layer are its weight `[in, out]` and bias `[out]`; those of an
 * update its down weight, down bias and up.
 */
export type LayerGradients = Partial<Record<LayerName, readonly DeviceTensor[]>>;

const byHead = [0, 2, 1, 3];

function splitHeads(x: DeviceTensor, { patches, tokens, width, heads }: BlockShape): DeviceTensor {
  return deviceScope(() => transpose(reshape(x, [patches, tokens, heads, width / heads]), byHead));
}

function joinHeads(x: DeviceTensor, { patches, tokens, width }: BlockShape): DeviceTensor {
  return deviceScope(() => reshape(transpose(x, byHead), [patches * tokens, width]));
}

/** Standardises rows to mean 0 and variance 1, the input of the layers. */
function layerInput(x: DeviceTensor, layers: BlockLayers): DeviceTensor {
  return standardise(x, layerNormEpsilon, layers['attn.q'].weight.type);
}

/** Computes x + layer(input), in one kernel if both are float32. */
function addLayer(x: DeviceTensor, input: DeviceTensor, layer: DeviceLinear): DeviceTensor {
  if (input.type === 'float32') return linear(input, layer, 'none', x);
  return deviceScope(() => addBranch(x, linear(input, layer)));
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
    const rows = layerInput(x, layers);
    const heads = (layer: LayerName): DeviceTensor => deviceScope(() => splitHeads(linear(rows, layers[layer]), shape));
    const attention = deviceScope(() => softmax(batchMatMul(heads('attn.q'), heads('attn.k'), false, true)));
    return addLayer(x, joinHeads(batchMatMul(attention, heads('attn.v')), shape), layers['attn.proj']);
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

/** Runs the block and saves the tensors that `blockGradient` needs. */
export function blockSaving(
  input: DeviceTensor,
  shape: BlockShape,
  layers: BlockLayers,
): { readonly output: DeviceTensor; readonly saved: SavedBlock } {
  const { query, key, value } = deviceScope(() => {
    const rows = layerInput(input, layers);
    const heads = (layer: LayerName): DeviceTensor => deviceScope(() => splitHeads(linear(rows, layers[layer]), shape));
    return { query: heads('attn.q'), key: heads('attn.k'), value: heads('attn.v') };
  });
  const attention = deviceScope(() => softmax(batchMatMul(query, key, false, true)));
  const middle = deviceScope(() =>
    addLayer(input, joinHeads(batchMatMul(attention, value), shape), layers['attn.proj']),
  );
  const hidden = deviceScope(() => linear(layerInput(middle, layers), layers['mlp.fc1']));
  const output = deviceScope(() => addLayer(middle, gelu(hidden), layers['mlp.fc2']));
  return { output, saved: { input, query, key, value, attention, middle, hidden } };
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
  learned: ReadonlyMap<LayerName, LayerLearning>,
  inputLearns: boolean,
): { readonly dx: DeviceTensor | undefined; readonly gradients: LayerGradients } {
  const { query, key, value, attention } = saved;
  return deviceScope(() => {
    const gradients: LayerGradients = {};
    const learn = (layer: LayerName, input: () => DeviceTensor, output: DeviceTensor): void => {
      const learning = learned.get(layer);
      if (learning !== undefined) gradients[layer] = layerGradient(learning, input(), output);
    };
    const throughLayer = (layer: LayerName, output: DeviceTensor): DeviceTensor =>
      matMul(output, layers[layer].weight, false, true);

    const { type } = query;

    const dMiddle = deviceScope(() => {
      const dOutput = cast(dy, type);
      learn('mlp.fc2', () => gelu(saved.hidden), dOutput);
      const dHidden = deviceScope(() => geluGradient(saved.hidden, throughLayer('mlp.fc2', dOutput)));
      learn('mlp.fc1', () => layerInput(saved.middle, layers), dHidden);
      const dRows = throughLayer('mlp.fc1', dHidden);
      release(dHidden);
      return { total: standardiseGradient(saved.middle, layerNormEpsilon, dRows, dy), gradients };
    }).total;

    const dx = deviceScope(() => {
      const dProjected = cast(dMiddle, type);
      learn('attn.proj', () => joinHeads(batchMatMul(attention, value), shape), dProjected);
      const dMixed = deviceScope(() => splitHeads(throughLayer('attn.proj', dProjected), shape));
      const dScores = deviceScope(() => softmaxGradient(attention, batchMatMul(dMixed, value, false, true)));
      const outputs = {
        'attn.q': () => joinHeads(batchMatMul(dScores, key), shape),
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
