/** A method on a backbone: which tensors it learns, and how they change the forward pass. */
import type { NamedTensor } from '@hyperswap/safetensors';
import type { AdaptedProjection, BackboneConfig, ProjectionUpdate, Weights } from '@hyperswap/spectralgpt';
import { Random, tensorflow, type Tensor, type Tensor2D } from '@hyperswap/tensor';
import type { FactorShape, Factors, Method, MethodSettings, WeightShape } from './method.js';

/** The projections that adapters change, as in the paper: W_Q and W_V of every block. */
const adaptedProjections: readonly AdaptedProjection[] = ['q', 'v'];

export interface Adaptation {
  readonly method: Method;
  readonly settings: MethodSettings;
}

/** The shape of every weight that adapters change. */
export function adaptedWeight({ width }: BackboneConfig): WeightShape {
  return { out: width, in: width };
}

/** All factors of a method on a backbone by tensor name, as `blocks.0.attn.q.krona_a`. */
export function adaptationShapes(
  { method, settings }: Adaptation,
  config: BackboneConfig,
): ReadonlyMap<string, FactorShape> {
  const factors = Object.entries(method.factorShapes(adaptedWeight(config), settings));
  const shapes = new Map<string, FactorShape>();
  for (let block = 0; block < config.depth; block++)
    for (const projection of adaptedProjections)
      for (const [factor, shape] of factors) shapes.set(`${projectionName(block, projection)}.${factor}`, shape);
  return shapes;
}

/** Learned values of a method on a backbone, head left out. */
export function adaptationParameterCount(adaptation: Adaptation, config: BackboneConfig): number {
  let count = 0;
  for (const { shape } of adaptationShapes(adaptation, config).values()) count += shape[0] * shape[1];
  return count;
}

/** Fresh factors, the same for a seed. */
export function initialFactors(adaptation: Adaptation, config: BackboneConfig, seed: number): Map<string, NamedTensor> {
  const random = new Random(seed);
  const factors = new Map<string, NamedTensor>();
  for (const [name, { shape, deviation }] of adaptationShapes(adaptation, config)) {
    const size = shape[0] * shape[1];
    factors.set(name, { shape, values: deviation === 0 ? new Float32Array(size) : random.normals(size, deviation) });
  }
  return factors;
}

/** What factors in training add to each projection; undefined for methods that train the head alone. */
export function projectionUpdate(
  { method, settings }: Adaptation,
  factors: ReadonlyMap<string, Tensor>,
): ProjectionUpdate | undefined {
  if (factors.size === 0) return undefined;
  return (block, projection, x) =>
    method.applyUpdate(x, factorsOf(factors, projectionName(block, projection)), settings);
}

/**
 * Trained factors merged into copies of the weights they adapt; the shared weights stay untouched.
 *
 * @returns weights that own the merged copies alone
 */
export function mergeAdaptation(
  { method, settings }: Adaptation,
  factors: ReadonlyMap<string, Tensor>,
  config: BackboneConfig,
  weights: Weights,
): Weights {
  const tf = tensorflow();
  const merged = new Map<string, Tensor>();
  if (factors.size > 0) {
    for (let block = 0; block < config.depth; block++) {
      for (const projection of adaptedProjections) {
        const name = projectionName(block, projection);
        const weight = `${name}.weight`;
        const sum = tf.tidy(() => tf.add(weights.get(weight), method.mergeUpdate(factorsOf(factors, name), settings)));
        merged.set(weight, tf.keep(sum));
      }
    }
  }
  return weights.replacing(merged);
}

function projectionName(block: number, projection: AdaptedProjection): string {
  return `blocks.${block}.attn.${projection}`;
}

function factorsOf(factors: ReadonlyMap<string, Tensor>, projection: string): Factors {
  const prefix = `${projection}.`;
  const found: Record<string, Tensor2D> = {};
  for (const [name, tensor] of factors) {
    if (name.startsWith(prefix)) found[name.slice(prefix.length)] = tensor as Tensor2D;
  }
  return found;
}
