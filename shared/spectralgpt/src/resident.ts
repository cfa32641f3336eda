/** Backbones that are on the device of this thread: one copy each, however many programs use it. */
import { failure } from '@hyperswap/errors';
import { chooseKernels, type DeviceLinear, type Precision } from '@hyperswap/tensor';
import { withTensors, type Backbone, type BackboneDescription } from './backbone.js';
import { foldLayer, keepLayer, layerNames, releaseLayer, type BlockLayers, type LayerName } from './folding.js';
import { Weights } from './weights.js';

/** A frozen backbone on the device. */
export interface ResidentBackbone {
  readonly backbone: BackboneDescription;
  readonly precision: Precision;
  /** What is used outside the blocks, and what adapters and their gradients are made from; float32. */
  readonly weights: Weights;
  /** The blocks' layers, folded, in `precision`. */
  readonly blocks: readonly BlockLayers[];
  /** Of `preciseLayer`. */
  readonly precise: Map<string, DeviceLinear>;
}

/** `auto`: whichever this machine runs fastest, where bfloat16 has to be clearly faster. */
export type PrecisionChoice = Precision | 'auto';

const residents = new Map<string, ResidentBackbone>();

/** Parameters of blocks that stay in float32 beside their folded layers, since adapters change them. */
const adaptable = /^blocks\.\d+\.(norm1|attn\.[qv])\./;

function key(digest: string, precision: PrecisionChoice): string {
  return `${digest} ${precision === 'auto' ? chooseKernels().precision : precision}`;
}

/** Uploads a backbone, unless it is there already. It is read and folded block by block, so that float32 copies never pile up. @returns the precision */
export function makeResident(backbone: Backbone, choice: PrecisionChoice = 'auto'): Precision {
  const precision = choice === 'auto' ? chooseKernels().precision : choice;
  const { name, digest, weightsDigest, config, parameters } = backbone;
  const description: BackboneDescription = { name, digest, weightsDigest, config, parameters };
  if (residents.has(key(digest, precision))) return precision;
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
  return precision;
}

/** @throws INTERNAL when it was never uploaded in that precision */
export function residentBackbone(digest: string, precision: PrecisionChoice = 'auto'): ResidentBackbone {
  const resident = residents.get(key(digest, precision));
  if (resident === undefined) throw failure('INTERNAL', { reason: `backbone ${digest} is not on the device` });
  return resident;
}

/**
 * A folded layer in float32, which updates are merged into: of a backbone in float32 its own, else made at first use and kept, so that neither a swap nor a
 * training step folds it again.
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

/** Frees a backbone on the device; what is bound to it must be gone before. */
export function releaseResident(digest: string, precision: Precision): void {
  const resident = residents.get(key(digest, precision));
  if (resident === undefined) return;
  residents.delete(key(digest, precision));
  resident.weights.dispose();
  for (const layer of resident.precise.values()) releaseLayer(layer);
  for (const layers of resident.blocks) for (const layer of Object.values(layers)) releaseLayer(layer as DeviceLinear);
}
