/** The transformer blocks in a row, frozen or with some of their parameters learning. */
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
  type Precision,
  type Steps,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
} from '@hyperswap/tensor';
import {
  block,
  blockGradient,
  blockSaving,
  type BlockShape,
  type LayerGradients,
  type LayerLearning,
  type SavedBlock,
} from './block.js';
import { foldLayer, layerNames, layerParameters, placeLayer, type BlockLayers, type LayerName } from './folding.js';
import { foldUpdate, foldWithUpdate, isThin, mergeUpdate, placeUpdate, type WeightUpdate } from './weight-update.js';
import type { Weights } from './weights.js';

/** Blocks of one width. */
export interface BlockStack {
  /** `blocks`, or `decoder_blocks` in pretraining. */
  readonly prefix: string;
  readonly depth: number;
  readonly width: number;
  readonly heads: number;
}

function shapeOf(x: Tensor2D, tokens: number, { width, heads }: Pick<BlockStack, 'width' | 'heads'>): BlockShape {
  return { patches: x.shape[0] / tokens, tokens, width, heads };
}

/**
 * Frozen blocks, without a gradient, a step each. Only two states are alive at a time.
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

/** Blocks some of whose parameters learn. */
export interface LearningBlocks {
  readonly stack: BlockStack;
  readonly precision: Precision;
  /** Parameters by name; those that learn are what the gradient is asked of, or made from it by tfjs. */
  readonly weights: Weights;
  /** Folded layers, and what learns: layers made from a parameter among it are folded anew. Without it all parameters learn. */
  readonly partly?: {
    readonly frozen: readonly BlockLayers[];
    /** Of them the layers that have updates, in float32. */
    readonly precise: (block: number, layer: LayerName) => DeviceLinear;
    /** Names of parameters. */
    readonly learned: ReadonlySet<string>;
    /** By the layer's name. */
    readonly updates: ReadonlyMap<string, WeightUpdate>;
  };
  /** Whether a gradient of `x` is wanted, because something before the blocks learns. */
  readonly inputLearns: boolean;
}

/** A layer that learns, and the tensors that it learns by. */
interface LearningLayer {
  readonly block: number;
  readonly layer: LayerName;
  /** `weight, bias` of the whole folded layer, or `down weight, down bias, up` of its update. */
  readonly tensors: readonly Tensor[];
  readonly isUpdate: boolean;
}

/** Layers that learn, in their order; by tfjs, which takes the gradient of their tensors on to the parameters. */
function learningLayers({ stack, weights, partly }: LearningBlocks): LearningLayer[] {
  const headWidth = stack.width / stack.heads;
  const layers: LearningLayer[] = [];
  for (let block = 0; block < stack.depth; block++) {
    const name = `${stack.prefix}.${block}`;
    for (const layer of layerNames) {
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

/** A learning layer as the kernels take it, and what of it learns; both belong to the device scope around. @param precise what an update is merged into */
function placeLearning(
  tensors: readonly Tensor[],
  precise: DeviceLinear | undefined,
  precision: Precision,
): { readonly linear: DeviceLinear; readonly learning: LayerLearning } {
  const [weight, bias, up] = tensors as [Tensor2D, Tensor1D, Tensor2D];
  if (precise === undefined) return { linear: placeLayer({ weight, bias }, precision), learning: 'whole' };
  const folded = { down: { weight, bias }, up };
  const linear = deviceScope(() => mergeUpdate(precise, placeUpdate(folded, 'float32'), precision));
  return { linear, learning: placeUpdate(folded, precision) };
}

/**
 * Blocks with a gradient, as one operation of tfjs's tape: the forward pass saves what `blockGradient` needs in the device scope around, the
 * gradient frees it. What learns of a layer is folded by tfjs, which takes the gradient on to the parameters.
 *
 * @param x `[patches · tokens, width]`, float32, also the result's shape
 */
export function encodeLearning(x: Tensor2D, tokens: number, blocks: LearningBlocks): Tensor2D {
  const tf = tensorflow();
  const { stack, partly, precision, inputLearns } = blocks;
  const shape = shapeOf(x, tokens, stack);
  const learning = learningLayers(blocks);
  const firstLearning = inputLearns ? 0 : (learning[0]?.block ?? stack.depth);

  const operation = tf.customGrad((...given) => {
    const input = given[0] as Tensor;
    const layers = Array.from({ length: stack.depth }, (_, block) => ({ ...partly?.frozen[block] }) as BlockLayers);
    const learned = layers.map(() => new Map<LayerName, LayerLearning>());
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
        const { output, saved: kept } = blockSaving(state, shape, layers[index]!);
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
          release(...(Object.values(kept) as DeviceTensor[]));
          gradients[index] = result.gradients;
          // tfjs wants some gradient of the input; where it is not asked for, any will do.
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
