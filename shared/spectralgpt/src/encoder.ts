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
  type Tensor2D,
} from '@hyperswap/tensor';
import { block, blockGradient, blockSaving, type BlockShape, type SavedBlock } from './block.js';
import { foldLayer, layerNames, layerParameters, type BlockLayers, type LayerName } from './folding.js';
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
  /** Folded layers, and which parameters learn, by name: layers made from one of them are folded anew. Without it all learn. */
  readonly partly?: { readonly frozen: readonly BlockLayers[]; readonly learned: ReadonlySet<string> };
  /** Whether a gradient of `x` is wanted, because something before the blocks learns. */
  readonly inputLearns: boolean;
}

interface Part {
  readonly block: number;
  readonly layer: LayerName;
}

/**
 * Blocks with a gradient, as one operation of tfjs's tape: the forward pass saves what `blockGradient` needs in the device scope around, the
 * gradient frees it. Learning layers are folded by tfjs, which takes the gradient on to the parameters.
 *
 * @param x `[patches · tokens, width]`, float32, also the result's shape
 */
export function encodeLearning(x: Tensor2D, tokens: number, blocks: LearningBlocks): Tensor2D {
  const tf = tensorflow();
  const { stack, weights, partly, precision, inputLearns } = blocks;
  const shape = shapeOf(x, tokens, stack);
  const parts: Part[] = [];
  const tensors: Tensor[] = [];
  for (let index = 0; index < stack.depth; index++) {
    const name = `${stack.prefix}.${index}`;
    for (const layer of layerNames) {
      const isFrozen = partly && !layerParameters(name, layer).some((parameter) => partly.learned.has(parameter));
      if (isFrozen === true) continue;
      const { weight, bias } = foldLayer(weights, name, layer, stack.width / stack.heads);
      parts.push({ block: index, layer });
      tensors.push(weight, bias);
    }
  }
  const learnedOf = (index: number): Set<LayerName> =>
    new Set(parts.filter((part) => part.block === index).map(({ layer }) => layer));
  const firstLearning = inputLearns ? 0 : (parts[0]?.block ?? stack.depth);

  const operation = tf.customGrad((...given) => {
    const [input, ...folded] = given.slice(0, 1 + tensors.length) as Tensor[];
    const layers = deviceScope(() => {
      const own = folded.map((tensor) => cast(identity(borrow(tensor)), precision));
      return Array.from({ length: stack.depth }, (_, index) => {
        const replaced: Partial<Record<LayerName, DeviceLinear>> = {};
        parts.forEach((part, i) => {
          if (part.block === index) replaced[part.layer] = { weight: own[2 * i]!, bias: own[2 * i + 1]! };
        });
        return { ...partly?.frozen[index], ...replaced } as BlockLayers;
      });
    });
    const saved: (SavedBlock | undefined)[] = [];
    const value = deviceScope(() => {
      let state = identity(borrow(input!));
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
      const gradients = new Map<number, Partial<Record<LayerName, DeviceLinear>>>();
      return deviceScope(() => {
        let dState = identity(borrow(dy));
        for (let index = stack.depth - 1; index >= firstLearning; index--) {
          const kept = saved[index]!;
          const result = blockGradient(dState, kept, shape, layers[index]!, learnedOf(index));
          release(dState, ...(Object.values(kept) as DeviceTensor[]));
          gradients.set(index, result.gradients);
          dState = result.dx;
        }
        const float = (tensor: DeviceTensor): Tensor => handOver(cast(identity(tensor), 'float32'));
        return [
          handOver(dState),
          ...parts.flatMap(({ block: index, layer }) => {
            const { weight, bias } = gradients.get(index)![layer]!;
            return [float(weight), float(bias)];
          }),
        ];
      });
    };
    return { value: handOver(value), gradFunc };
  });
  return operation(x, ...tensors) as Tensor2D;
}
