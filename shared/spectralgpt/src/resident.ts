/** Backbones on the device of this thread: one copy each, shared by all programs. */
import { failure } from '@hyperswap/errors';
import { chooseKernels, usesGpu, type DeviceLinear, type FloatPrecision, type Precision } from '@hyperswap/tensor';
import { withTensors, type Backbone, type BackboneDescription } from './backbone.js';
import { foldLayer, keepLayer, layerNames, releaseLayer, type BlockLayers, type LayerName } from './folding.js';
import { Weights } from './weights.js';

/** A frozen backbone on the device. */
export interface ResidentBackbone {
  readonly backbone: BackboneDescription;
  readonly precision: Precision;
  /** Weights used outside the blocks, and weights that adapters and their gradients are computed from; float32. */
  readonly weights: Weights;
  /** The blocks' layers, folded, in `precision`. */
  readonly blocks: readonly BlockLayers[];
  /** Cache of `preciseLayer`. */
  readonly precise: Map<string, DeviceLinear>;
}

/** Requested precision. `auto` is the one that this machine runs fastest; a coarser one has to be clearly faster. */
export type PrecisionChoice = Precision | 'auto';

/** Returns the precision for a backbone that serves. @throws FIELD_INVALID for int8 on a GPU */
export function servingPrecision(choice: PrecisionChoice): Precision {
  if (choice === 'int8' && usesGpu()) {
    throw failure('FIELD_INVALID', { field: 'precision', reason: 'int8 runs on processors only; take auto on a GPU' });
  }
  return choice === 'auto' ? chooseKernels().serving : choice;
}

/** Returns the precision for a backbone that learns. int8 has no gradient: `auto`'s choice for learning replaces it. */
export function learningPrecision(choice: PrecisionChoice): FloatPrecision {
  return choice === 'auto' || choice === 'int8' ? chooseKernels().learning : choice;
}

const residents = new Map<string, ResidentBackbone>();

/** Block parameters that stay in float32 in addition to their folded layers, because adapters change them. */
const adaptable = /^blocks\.\d+\.(norm1|attn\.[qv])\./;

function key(digest: string, precision: Precision): string {
  return `${digest} ${precision}`;
}

/**
 * Uploads a backbone unless it is there already. It is read and folded block by block, so that at most one block has a
 * float32 copy at a time.
 */
export function makeResident(backbone: Backbone, precision: Precision): void {
  const { name, digest, weightsDigest, config, parameters } = backbone;
  const description: BackboneDescription = { name, digest, weightsDigest, config, parameters };
  if (residents.has(key(digest, precision))) return;
  chooseKernels();
  withTensors(backbone, (tensors) => {
    const upload = (wanted: (tensor: string) => boolean): Weights => {
      const chosen = [...tensors.shapes].filter(([tensor]) => wanted(tensor));
      return Weights.upload(
        new Map(chosen.map(([tensor, shape]) => [tensor, { shape, values: tensors.read(tensor) }])),
      );
    };
    const blocks = Array.from({ length: config.depth }, (_, index): BlockLayers => {
      const prefix = `blocks.${index}`;
      const uploaded = upload((tensor) => tensor.startsWith(`${prefix}.`));
      try {
        const layers = layerNames.map((layer) => {
          const folded = foldLayer(uploaded, prefix, layer, config.width / config.heads);
          return [layer, keepLayer(folded, precision)] as const;
        });
        return Object.fromEntries(layers) as BlockLayers;
      } finally {
        uploaded.dispose();
      }
    });
    const weights = upload((tensor) => !tensor.startsWith('blocks.') || adaptable.test(tensor));
    const precise = new Map<string, DeviceLinear>();
    residents.set(key(digest, precision), { backbone: description, precision, weights, blocks, precise });
  });
}

/** Returns an uploaded backbone. @throws INTERNAL if it was never uploaded in that precision */
export function residentBackbone(digest: string, precision: Precision): ResidentBackbone {
  const resident = residents.get(key(digest, precision));
  if (resident === undefined) throw failure('INTERNAL', { reason: `backbone ${digest} is not on the device` });
  return resident;
}

/**
 * Returns a folded layer in float32, into which updates are merged. A float32 backbone has its own; otherwise the layer
 * is created at first use and kept, so that neither a swap nor a training step folds it again.
 *
 * @throws INTERNAL for a layer that adapters do not change
 */
export function preciseLayer(resident: ResidentBackbone, block: number, layer: LayerName): DeviceLinear {
  const { backbone, precision, weights, blocks, precise } = resident;
  if (precision === 'float32') return blocks[block]![layer];
  const name = `blocks.${block}`;
  const key = `${name}.${layer}`;
  const known = precise.get(key);
  if (known !== undefined) return known;
  const { width, heads } = backbone.config;
  const kept = keepLayer(foldLayer(weights, name, layer, width / heads), 'float32');
  precise.set(key, kept);
  return kept;
}

/** Frees a backbone on the device. Free everything bound to it before. */
export function releaseResident(digest: string, precision: Precision): void {
  const resident = residents.get(key(digest, precision));
  if (resident === undefined) return;
  residents.delete(key(digest, precision));
  resident.weights.dispose();
  for (const layer of resident.precise.values()) releaseLayer(layer);
  for (const layers of resident.blocks) for (const layer of Object.values(layers)) releaseLayer(layer as DeviceLinear);
}
