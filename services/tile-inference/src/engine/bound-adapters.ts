/** Adapters that are bound to resident backbones, by the digests of their blobs. */
import { Binding, readAdapter } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import { residentBackbone, type ResidentBackbone } from '@hyperswap/spectralgpt';
import { tensorflow, type Precision, type Tensor2D } from '@hyperswap/tensor';

export interface BindArguments {
  /** `name@7`, for errors. */
  readonly reference: string;
  readonly digest: string;
  readonly blob: Uint8Array;
  /** The adapter classifies patches alone: one whose features are diffused is refused. */
  readonly isOfPatches?: boolean;
  readonly backboneDigest: string;
  readonly precision: Precision;
}

const bindings = new Map<string, Binding>();
/**
 * Backbones that have run once. Kernels are compiled per shape, so only the first adapter of a backbone needs a
 * warm-up.
 */
const warm = new WeakSet<ResidentBackbone>();
/**
 * Number of running batches of each binding. A binding that is unbound between two blocks is freed after its last
 * batch.
 */
const inUse = new Map<Binding, number>();

/** Returns the binding of an adapter. @throws INTERNAL if it is not bound */
export function findBinding(digest: string): Binding {
  const binding = bindings.get(digest);
  if (binding === undefined) throw failure('INTERNAL', { reason: `adapter ${digest} is not bound` });
  return binding;
}

/** Runs a batch of a binding, and keeps the binding until the end of the batch. */
export async function using<Result>(digest: string, run: (binding: Binding) => Promise<Result>): Promise<Result> {
  const binding = findBinding(digest);
  inUse.set(binding, (inUse.get(binding) ?? 0) + 1);
  try {
    return await run(binding);
  } finally {
    const others = inUse.get(binding)! - 1;
    if (others > 0) inUse.set(binding, others);
    else inUse.delete(binding);
    if (others === 0 && bindings.get(digest) !== binding) binding.dispose();
  }
}

/** Runs a batch of several bindings, and keeps them until the end of the batch. */
export async function usingAll<Result>(digests: readonly string[], run: () => Promise<Result>): Promise<Result> {
  const [first, ...others] = digests;
  return first === undefined ? run() : using(first, () => usingAll(others, run));
}

/**
 * Builds an adapter's binding, and runs the backbone's first one once, so that its first tile is as fast as the others.
 *
 * @returns bytes of what the binding owns
 * @throws ADAPTER_NEEDS_SCENE
 */
export function bind({ reference, digest, blob, isOfPatches, backboneDigest, precision }: BindArguments): number {
  const known = bindings.get(digest);
  if (known !== undefined) return known.bytes;
  const resident = residentBackbone(backboneDigest, precision);
  const adapter = readAdapter(reference, blob);
  if (isOfPatches === true && adapter.metadata.diffusion !== undefined) {
    throw failure('ADAPTER_NEEDS_SCENE', { adapter: reference });
  }
  const binding = new Binding(reference, adapter, resident);
  if (!warm.has(resident)) {
    const sample: Tensor2D = tensorflow().zeros([resident.backbone.config.components, binding.patchSize ** 2]);
    binding.classify(sample);
    sample.dispose();
    warm.add(resident);
  }
  bindings.set(digest, binding);
  return binding.bytes;
}

/** Frees a binding, or marks it to be freed after its last batch. */
export function unbind({ digest }: Pick<BindArguments, 'digest'>): void {
  const binding = bindings.get(digest);
  bindings.delete(digest);
  if (binding !== undefined && !inUse.has(binding)) binding.dispose();
}
