/** Adaptation of a backbone by a method: its learned tensors, and its changes to the forward pass. */
import type { NamedTensor } from '@hyperswap/safetensors';
import {
  encoderShapes,
  foldLayer,
  foldUpdate,
  foldWithUpdate,
  keepLayer,
  keepPlaced,
  layerParameters,
  mergeUpdate,
  placeUpdate,
  preciseLayer,
  type BackboneConfig,
  type BlockLayers,
  type LayerName,
  type ParameterChanges,
  type ResidentBackbone,
  type Weights,
  type WeightUpdate,
} from '@hyperswap/spectralgpt';
import { tensorflow, type DeviceLinear, type Tensor, type Tensor1D, type Tensor2D } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import type { FactorShape, Factors, Method, MethodSettings, WeightShape } from './method.js';

/** Projections that adapters change, as in the paper: W_Q and W_V of every block. */
const adaptedProjections = ['q', 'v'] as const;
type AdaptedProjection = (typeof adaptedProjections)[number];

/** Method with its settings and target projections. */
export interface Adaptation {
  readonly method: Method;
  readonly settings: MethodSettings;
  /**
   * Projections that are changed, for example `blocks.0.attn.q`; the others stay unchanged.
   *
   * @default all that adapters may change
   */
  readonly targets?: readonly string[];
}

/** Sizes of blocks that are adapted. */
export type AdaptedBlocks = Pick<BackboneConfig, 'width' | 'depth'>;

/** Returns all projections that adapters may change, for example `blocks.0.attn.q`: W_Q and W_V of every block. */
export function adaptableProjections({ depth }: Pick<BackboneConfig, 'depth'>): string[] {
  const blocks = Array.from({ length: depth }, (_, block) => block);
  return blocks.flatMap((block) => adaptedProjections.map((projection) => projectionName(block, projection)));
}

/** Returns the shape of every weight that adapters change. */
export function adaptedWeight({ width }: Pick<BackboneConfig, 'width'>): WeightShape {
  return { out: width, in: width };
}

/**
 * Returns the shapes of all factors of a method on a backbone by tensor name, for example `blocks.0.attn.q.krona_a`.
 */
export function adaptationShapes(
  { method, settings, targets }: Adaptation,
  config: AdaptedBlocks,
): ReadonlyMap<string, FactorShape> {
  const factors = Object.entries(method.factorShapes(adaptedWeight(config), settings));
  const shapes = new Map<string, FactorShape>();
  for (const projection of targets ?? adaptableProjections(config))
    for (const [factor, shape] of factors) shapes.set(`${projection}.${factor}`, shape);
  return shapes;
}

/** Counts the learned values of a method on a backbone, without the head. */
export function adaptationParameterCount(adaptation: Adaptation, config: BackboneConfig): number {
  const shapes =
    adaptation.method.scope === 'backbone'
      ? [...encoderShapes(config).values()]
      : [...adaptationShapes(adaptation, config).values()].map(({ shape }) => shape);
  return shapes.reduce((count, shape) => count + elements(shape), 0);
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Returns fresh factors, the same for the same seed. */
export function initialFactors(adaptation: Adaptation, config: AdaptedBlocks, seed: number): Map<string, NamedTensor> {
  const random = new Random(seed);
  const factors = new Map<string, NamedTensor>();
  for (const [name, { shape, deviation }] of adaptationShapes(adaptation, config)) {
    const size = elements(shape);
    factors.set(name, { shape, values: deviation === 0 ? new Float32Array(size) : random.normals(size, deviation) });
  }
  return factors;
}

/**
 * Computes a backbone's changed parameters from factors, with tfjs ops, so that a gradient reaches the factors.
 *
 * @param weights of the frozen backbone, which are not changed
 */
export function adaptedParameters(
  { method, settings, targets }: Adaptation,
  factors: ReadonlyMap<string, Tensor>,
  config: AdaptedBlocks,
  weights: Weights,
): ParameterChanges {
  const tf = tensorflow();
  const replaced = new Map<string, Tensor>();
  const updates = new Map<string, WeightUpdate>();
  if (factors.size === 0) return { replaced, updates };
  for (const name of targets ?? adaptableProjections(config)) {
    const frozen = {
      weight: weights.get(`${name}.weight`) as Tensor2D,
      bias: weights.get(`${name}.bias`) as Tensor1D,
    };
    // A gradient keeps the tensors that it needs on its own tape.
    const { left, right, ...parts } = tf.tidy(() => {
      const { update, ...changed } = method.adapt(frozen, factorsOf(factors, name), settings);
      return { ...changed, ...update };
    });
    for (const [part, tensor] of Object.entries(parts)) replaced.set(`${name}.${part}`, tensor);
    if (left !== undefined && right !== undefined) updates.set(name, { left, right });
  }
  return { replaced, updates };
}

/**
 * Merges trained factors into copies of the layers that they adapt. One merge serves all rows of all batches.
 *
 * @returns all blocks, and the copied layers among them, to be released after their last use
 */
export function mergeAdaptation(
  adaptation: Adaptation,
  factors: ReadonlyMap<string, Tensor>,
  resident: ResidentBackbone,
): { readonly blocks: readonly BlockLayers[]; readonly own: readonly DeviceLinear[] } {
  const { backbone, weights, blocks, precision } = resident;
  if (factors.size === 0) return { blocks, own: [] };
  const { config } = backbone;
  const headWidth = config.width / config.heads;
  const targets = new Set(adaptation.targets ?? adaptableProjections(config));
  const own: DeviceLinear[] = [];
  let merged = blocks;
  tensorflow().tidy(() => {
    const { replaced, updates } = adaptedParameters(adaptation, factors, config, weights);
    const overlaid = weights.replacing(replaced);
    const merge = (block: number, layer: LayerName): DeviceLinear => {
      const name = `blocks.${block}`;
      const update = updates.get(`${name}.${layer}`);
      const { center } = blocks[block]![layer];
      if (update === undefined) return keepLayer(foldLayer(overlaid, name, layer, headWidth), precision, center);
      if (layerParameters(name, layer).some((parameter) => replaced.has(parameter)))
        return keepLayer(foldWithUpdate(update, overlaid, name, layer, headWidth), precision, center);
      const folded = foldUpdate(update, weights, name, layer, headWidth);
      return keepPlaced(() =>
        mergeUpdate(preciseLayer(resident, block, layer), placeUpdate(folded, 'float32'), precision, center),
      );
    };
    merged = blocks.map((layers, block) => {
      const changed = adaptedProjections.filter((projection) => targets.has(projectionName(block, projection)));
      const copied = changed.map((projection) => {
        const kept = merge(block, `attn.${projection}`);
        own.push(kept);
        return [`attn.${projection}`, kept] as const;
      });
      return { ...layers, ...Object.fromEntries(copied) };
    });
  });
  return { blocks: merged, own };
}

function projectionName(block: number, projection: AdaptedProjection): string {
  return `blocks.${block}.attn.${projection}`;
}

function factorsOf(factors: ReadonlyMap<string, Tensor>, projection: string): Factors {
  const prefix = `${projection}.`;
  const found: Record<string, Tensor> = {};
  for (const [name, tensor] of factors) {
    if (name.startsWith(prefix)) found[name.slice(prefix.length)] = tensor;
  }
  return found;
}
