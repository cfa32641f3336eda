import { blobDigest, writeAdapter, type Adapter } from '@hyperswap/adapter';
import { throwIfAborted } from '@hyperswap/errors';
import { adapterStatement, signStatement } from '@hyperswap/keys';
import { classifyLogits, diffuseInThread } from '@hyperswap/map';
import type { AdapterVersion } from '@hyperswap/proto';
import { toAdapterVersion } from '@hyperswap/registry';
import type { Precision } from '@hyperswap/tensor';
import type { ClassifyingRecipe, Diffusion } from './adapter-recipe.js';
import type { Classified } from './engine/baselines/baseline.js';
import { measuringWalks } from './measuring-walks.js';
import { measure, type Tested } from './measure.js';
import { predictPixels } from './predict-pixels.js';
import type { TrainingContext } from './training-context.js';

/** Tests an adapter on the test pixels of its recipe, merged and read from its blob exactly as it is served. */
export async function testAdapter(
  adapter: Adapter,
  recipe: ClassifyingRecipe,
  context: TrainingContext,
): Promise<Tested> {
  const { plan } = recipe;
  if (plan.test.pixels.length === 0) return { predictions: new Uint8Array(), metrics: undefined };
  return measure(plan, await classifyPixels(adapter, plan.test.pixels, recipe, context));
}

/** Classifies pixels with an adapter, exactly as it is served. */
export async function classifyPixels(
  adapter: Adapter,
  pixels: readonly number[],
  recipe: ClassifyingRecipe,
  context: TrainingContext,
): Promise<Classified> {
  const { plan, precision, diffusion } = recipe;
  if (diffusion !== undefined) {
    const logits = await diffusedLogits(adapter, pixels, recipe, diffusion, context);
    return classifyLogits(logits, plan.classes.length);
  }
  const { scene, patchSize } = plan;
  const batches = context.scenes.patches(scene, pixels, patchSize, context.signal);
  return withBound(adapter, scene.components, precision, context, (name) =>
    predictPixels(name, pixels.length, batches, context),
  );
}

/** Returns the logits of pixels, exactly as they are served, `[pixels, classes]`. */
export function logitsOfPixels(
  adapter: Adapter,
  pixels: readonly number[],
  recipe: ClassifyingRecipe,
  context: TrainingContext,
): Promise<Float32Array> {
  const { diffusion } = recipe;
  return diffusion === undefined
    ? patchLogits(adapter, pixels, recipe, context)
    : diffusedLogits(adapter, pixels, recipe, diffusion, context);
}

/**
 * Returns the logits of pixels by an adapter whose features are diffused, along the walks of a measurement. The head is
 * linear, so that diffused features have diffused logits. These are computed for all land that the walks reach.
 */
async function diffusedLogits(
  adapter: Adapter,
  pixels: readonly number[],
  recipe: ClassifyingRecipe,
  { reach, walks }: Diffusion,
  context: TrainingContext,
): Promise<Float32Array> {
  const { edges, valid, tested } = await measuringWalks(walks, recipe.plan);
  const classes = recipe.plan.classes.length;
  const land = pixels.every((pixel) => tested[pixel] === 1) ? tested : valid;
  const reached = [...land.keys()].filter((pixel) => land[pixel] === 1);
  const logits = await patchLogits(adapter, reached, recipe, context);
  const whole = new Float32Array(land.length * classes);
  reached.forEach((pixel, place) => {
    whole.set(logits.subarray(place * classes, (place + 1) * classes), pixel * classes);
  });
  const diffused = await diffuseInThread(whole, edges, { reach, signal: context.signal });
  const own = new Float32Array(pixels.length * classes);
  pixels.forEach((pixel, place) => {
    own.set(diffused.subarray(pixel * classes, (pixel + 1) * classes), place * classes);
  });
  return own;
}

/** Returns the logits of the patches around pixels, `[pixels, classes]`. */
async function patchLogits(
  adapter: Adapter,
  pixels: readonly number[],
  { plan, precision }: ClassifyingRecipe,
  context: TrainingContext,
): Promise<Float32Array> {
  const { engine, scenes, signal } = context;
  const { scene, patchSize } = plan;
  return withBound(adapter, scene.components, precision, context, async (name) => {
    const classes = plan.classes.length;
    const logits = new Float32Array(pixels.length * classes);
    for await (const { first, scores } of scenes.patches(scene, pixels, patchSize, signal)) {
      logits.set(await engine.call('logits', { name, scores }), first * classes);
    }
    return logits;
  });
}

/** Binds an adapter in the engine for as long as it is used. @param use gets its name in the engine */
async function withBound<Result>(
  adapter: Adapter,
  components: number,
  precision: Precision,
  { engine }: TrainingContext,
  use: (name: string) => Promise<Result>,
): Promise<Result> {
  const name = crypto.randomUUID();
  const backboneDigest = adapter.metadata.backbone.digest;
  await engine.call('bind', { name, blob: writeAdapter(adapter), backboneDigest, precision, components });
  try {
    return await use(name);
  } finally {
    await engine.call('unbind', { name });
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
