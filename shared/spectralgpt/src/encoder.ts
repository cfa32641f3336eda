/** Stack of transformer blocks, either frozen or with some learned parameters. */
import {
  borrow,
  cast,
  deviceScope,
  handOver,
  identity,
  keepOnDevice,
  release,
  tensorflow,
  type DeviceLinear,
  type DeviceTensor,
  type FloatPrecision,
  type Steps,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
} from '@hyperswap/tensor';
import {
  block,
  blockGradient,
  blockSaving,
  savedTensors,
  type BlockDropout,
  type BlockShape,
  type LayerGradients,
  type LayerLearning,
  type SavedBlock,
} from './block.js';
import { foldLayer, layerParameters, layersOf, placeLayer, type AnyLayer, type BlockLayers } from './folding.js';
import { foldUpdate, foldWithUpdate, isThin, mergeUpdate, placeUpdate, type WeightUpdate } from './weight-update.js';
import type { Weights } from './weights.js';

/** Blocks of one width. */
export interface BlockStack {
  /** `blocks`, or `decoder_blocks` in pretraining. */
  readonly prefix: string;
  /** Number of the first block in names. @default 0 */
  readonly first?: number;
  readonly depth: number;
  readonly width: number;
  readonly heads: number;
}

function shapeOf(x: Tensor2D, tokens: number, { width, heads }: Pick<BlockStack, 'width' | 'heads'>): BlockShape {
  return { patches: x.shape[0] / tokens, tokens, width, heads };
}

/**
 * Runs frozen blocks without a gradient, one block per step. Only two states are alive at a time.
 *
 * @param x `[patches · tokens, width]`, float32, also the result's shape
 * @param tokens tokens a patch; fewer than all in pretraining
 */
export function* encode(
  x: Tensor2D,
  tokens: number,
  stack: Pick<BlockStack, 'width' | 'heads'>,
  blocks: readonly BlockLayers[],
): Steps<Tensor2D> {
  const shape = shapeOf(x, tokens, stack);
  let [state] = deviceScope(() => keepOnDevice(identity(borrow(x))));
  let isHandedOver = false;
  try {
    for (const layers of blocks) {
      const [next] = deviceScope(() => keepOnDevice(block(state, shape, layers)));
      release(state);
      state = next;
      yield;
    }
    isHandedOver = true;
    return handOver(state) as Tensor2D;
  } finally {
    if (!isHandedOver) release(state);
  }
}

/** Blocks with some learned parameters. */
export interface LearningBlocks {
  readonly stack: BlockStack;
  readonly precision: FloatPrecision;
  /**
   * Parameters by name. The learned ones are the gradient's variables, or are computed from variables with tfjs ops.
   */
  readonly weights: Weights;
  /**
   * Folded frozen layers, and the names of the learned parts. Layers with a learned parameter are folded again at each
   * call. If omitted, all parameters learn.
   */
  readonly partly?: {
    readonly frozen: readonly BlockLayers[];
    /** Float32 copies of the layers that have updates. */
    readonly precise: (block: number, layer: AnyLayer) => DeviceLinear;
    /** Names of parameters. */
    readonly learned: ReadonlySet<string>;
    /** Updates by the layer's name. */
    readonly updates: ReadonlyMap<string, WeightUpdate>;
  };
  /** True if a gradient of `x` is needed, because something before the blocks learns. */
  readonly inputLearns: boolean;
  /** Dropout in the blocks; none by default. */
  readonly dropout?: BlockDropout | undefined;
}

/** Learned layer, and the tensors that it learns by. */
interface LearningLayer {
  readonly block: number;
  readonly layer: AnyLayer;
  /** `weight, bias` of the whole folded layer, or `down weight, down bias, up` of its update. */
  readonly tensors: readonly Tensor[];
  readonly isUpdate: boolean;
}

/**
 * Returns the learned layers in order, folded with tfjs ops, which propagate the gradient from their tensors to the
 * parameters.
 */
function learningLayers({ stack, weights, partly }: LearningBlocks): LearningLayer[] {
  const headWidth = stack.width / stack.heads;
  const layers: LearningLayer[] = [];
  for (let block = 0; block < stack.depth; block++) {
    const name = `${stack.prefix}.${(stack.first ?? 0) + block}`;
    for (const layer of layersOf(weights, name)) {
      const learns = partly === undefined || layerParameters(name, layer).some((key) => partly.learned.has(key));
      const update = partly?.updates.get(`${name}.${layer}`);
      if (!learns && update === undefined) continue;
      if (update !== undefined && !learns && isThin(update)) {
        const { down, up } = foldUpdate(update, weights, name, layer, headWidth);
        layers.push({ block, layer, tensors: [down.weight, down.bias, up], isUpdate: true });
        continue;
      }
      const whole =
        update === undefined
          ? foldLayer(weights, name, layer, headWidth)
          : foldWithUpdate(update, weights, name, layer, headWidth);
      layers.push({ block, layer, tensors: [whole.weight, whole.bias], isUpdate: false });
    }
  }
  return layers;
}

/**
 * Places a learned layer on the device, with its learned part; both belong to the enclosing device scope.
 *
 * @param precise layer into which an update is merged
 */
function placeLearning(
  tensors: readonly Tensor[],
  precise: DeviceLinear | undefined,
  precision: FloatPrecision,
): { readonly linear: DeviceLinear; readonly learning: LayerLearning } {
  const [weight, bias, up] = tensors as [Tensor2D, Tensor1D, Tensor2D];
  if (precise === undefined) return { linear: placeLayer({ weight, bias }, precision), learning: 'whole' };
  const folded = { down: { weight, bias }, up };
  const linear = deviceScope(() => mergeUpdate(precise, placeUpdate(folded, 'float32'), precision));
  return { linear, learning: placeUpdate(folded, precision) };
}

/**
 * Runs blocks with a gradient, as one operation on tfjs's tape. The forward pass saves the tensors that `blockGradient`
 * needs in the enclosing device scope; the gradient frees them. tfjs folds the learned parts of a layer and propagates
 * the gradient to the parameters.
 *
 * @param x `[patches · tokens, width]`, float32, also the result's shape
 */
export function encodeLearning(x: Tensor2D, tokens: number, blocks: LearningBlocks): Tensor2D {
  const tf = tensorflow();
  const { stack, partly, precision, inputLearns, dropout } = blocks;
  const shape = shapeOf(x, tokens, stack);
  const learning = learningLayers(blocks);
  const firstLearning = inputLearns ? 0 : (learning[0]?.block ?? stack.depth);

  const operation = tf.customGrad((...given) => {
    const input = given[0] as Tensor;
    const layers = Array.from({ length: stack.depth }, (_, block) => ({ ...partly?.frozen[block] }) as BlockLayers);
    const learned = layers.map(() => new Map<AnyLayer, LayerLearning>());
    deviceScope(() => {
      let position = 1;
      return learning.map(({ block: index, layer, tensors, isUpdate }) => {
        const own = given.slice(position, (position += tensors.length)) as Tensor[];
        const placed = placeLearning(own, isUpdate ? partly!.precise(index, layer) : undefined, precision);
        layers[index] = { ...layers[index]!, [layer]: placed.linear };
        learned[index]!.set(layer, placed.learning);
        return placed;
      });
    });
    const saved: (SavedBlock | undefined)[] = [];
    const value = deviceScope(() => {
      let state = identity(borrow(input));
      for (let index = 0; index < stack.depth; index++) {
        if (index < firstLearning) {
          const next = block(state, shape, layers[index]!);
          release(state);
          state = next;
          saved.push(undefined);
          continue;
        }
        const { output, saved: kept } = blockSaving(state, shape, layers[index]!, dropout);
        saved.push(kept);
        state = output;
      }
      return { output: state, saved };
    }).output;

    const gradFunc = (dy: Tensor): Tensor[] => {
      const gradients: LayerGradients[] = [];
      return deviceScope(() => {
        let dState = identity(borrow(dy));
        for (let index = stack.depth - 1; index >= firstLearning; index--) {
          const kept = saved[index]!;
          const inputCounts = inputLearns || index > firstLearning;
          const result = blockGradient(dState, kept, shape, layers[index]!, learned[index]!, inputCounts);
          release(...savedTensors(kept));
          gradients[index] = result.gradients;
          // tfjs requires a gradient of the input; if nothing needs it, its value does not matter.
          if (result.dx === undefined) break;
          release(dState);
          dState = result.dx;
        }
        const float = (tensor: DeviceTensor): Tensor => handOver(cast(identity(tensor), 'float32'));
        return [
          handOver(dState),
          ...learning.flatMap(({ block: index, layer }) => gradients[index]![layer]!.map(float)),
        ];
      });
    };
    return { value: handOver(value), gradFunc };
  });
  return operation(x, ...learning.flatMap(({ tensors }) => tensors)) as Tensor2D;
}
