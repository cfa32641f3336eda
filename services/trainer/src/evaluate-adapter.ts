import { blobDigest, writeAdapter, type Adapter } from '@hyperswap/adapter';
import { throwIfAborted } from '@hyperswap/errors';
import { adapterStatement, signStatement } from '@hyperswap/keys';
import type { AdapterVersion } from '@hyperswap/proto';
import { toAdapterVersion } from '@hyperswap/registry';
import { evaluate, type Metrics } from '@hyperswap/map';
import type { FloatPrecision } from '@hyperswap/tensor';
import { predictPixels } from './predict-pixels.js';
import type { TrainingContext } from './training-context.js';
import type { TrainingPlan } from './training-plan.js';

export interface Tested {
  /** Undefined where there are no test pixels. */
  readonly metrics: Metrics | undefined;
  /** Class of each of the plan's test pixels, from 1. */
  readonly predictions: Uint8Array;
}

/** Tests an adapter on a plan's test pixels, merged and read from its blob exactly as it is served. */
export async function testAdapter(
  adapter: Adapter,
  plan: TrainingPlan,
  precision: FloatPrecision,
  context: TrainingContext,
): Promise<Tested> {
  if (plan.test.pixels.length === 0) return { predictions: new Uint8Array(), metrics: undefined };
  const predictions = await classifyPixels(adapter, plan.test.pixels, plan, precision, context);
  const names = plan.classes.map((found) => found.name);
  return { predictions, metrics: evaluate(plan.test.labels, predictions, names) };
}

/** Classifies pixels with an adapter, exactly as it is served; classes start at 1. */
export async function classifyPixels(
  adapter: Adapter,
  pixels: readonly number[],
  plan: Pick<TrainingPlan, 'scene' | 'patchSize'>,
  precision: FloatPrecision,
  context: TrainingContext,
): Promise<Uint8Array> {
  const name = crypto.randomUUID();
  const { components } = plan.scene;
  const backboneDigest = adapter.metadata.backbone.digest;
  await context.engine.call('bind', { name, blob: writeAdapter(adapter), backboneDigest, precision, components });
  try {
    return await predictPixels(name, pixels, plan, context);
  } finally {
    await context.engine.call('unbind', { name });
  }
}

/**
 * Registers an adapter with its test result. Registering the same blob again, as a repeated run does, returns the
 * existing version.
 */
export async function publishAdapter(
  name: string,
  adapter: Adapter,
  { metrics }: Tested,
  { registry, signingKey, signal }: TrainingContext,
): Promise<AdapterVersion> {
  throwIfAborted(signal, 'Training');
  const blob = writeAdapter({ ...adapter, metadata: { ...adapter.metadata, ...(metrics && { metrics }) } });
  const digest = await blobDigest(blob);
  const twin = await registry.findByDigest(name, digest);
  const signature = signingKey && signStatement(signingKey, adapterStatement(name, digest));
  return toAdapterVersion(
    twin ?? (await registry.publish(name, name, blob, { origin: 'training', ...(signature && { signature }) })),
  );
}
