import { diffusedFormatVersion, formatVersion, type Adapter, type AdapterMetadata } from '@hyperswap/adapter';
import { adaptableProjections, findMethod } from '@hyperswap/peft';
import type { RasterInfo } from '@hyperswap/proto';
import type { NamedTensor } from '@hyperswap/safetensors';
import { settingsOf, type AdapterRecipe } from './adapter-recipe.js';
import { toCheckpoint } from './checkpoints.js';
import type { TrainingReport } from './engine/descend.js';
import type { TrainingResult } from './engine/train.js';
import { makeNormalizer } from './normalizer.js';
import { trainOnDiffused } from './train-diffused.js';
import type { TrainingContext } from './training-context.js';
import { gatherPatches, trainingPixels } from './training-plan.js';

export interface FittedAdapter {
  /** Adapter for the given backbone; after full fine-tuning only the head. */
  readonly adapter: Adapter;
  /** The training made another backbone, which the adapter's head belongs to. */
  readonly isBackbone: boolean;
  readonly trained: TrainingResult;
}

/** Trains a method according to a recipe, without evaluation and registration. */
export async function fitAdapter(recipe: AdapterRecipe, context: TrainingContext): Promise<FittedAdapter> {
  const { diffusion } = recipe;
  const trained =
    diffusion === undefined ? await trainOnPatches(recipe, context) : await trainOnDiffused(recipe, diffusion, context);
  return adapterOf(recipe, trained, context);
}

async function trainOnPatches(recipe: AdapterRecipe, context: TrainingContext): Promise<TrainingResult> {
  const { plan, backbone, precision, training } = recipe;
  const { engine, scenes, signal, report } = context;
  const { scene, patchSize, classes } = plan;
  const normalizer = makeNormalizer(recipe.normalizer, scene.statistics);
  const side = patchSize + 2 * training.augmentation.shift;
  const patches = await gatherPatches({ scene, patchSize: side }, trainingPixels(plan), scenes, signal, report);
  const validation = plan.validation && (await gatherPatches(plan, plan.validation, scenes, signal));
  return engine.call(
    'train',
    {
      backbone,
      precision,
      method: recipe.method,
      methodSettings: settingsOf(recipe),
      patches,
      validation,
      classes: classes.length,
      patchSize,
      normalizer,
      settings: training,
      resumed: recipe.resumed,
    },
    {
      signal,
      transfer: [patches.scores.buffer],
      onProgress: (value) => {
        const { stage, step, steps, epoch, loss, checkpoint } = value as TrainingReport;
        if (checkpoint === undefined) report({ stage, done: step, total: steps, epoch, loss });
        else recipe.onCheckpoint?.(toCheckpoint(checkpoint));
      },
    },
  );
}

/** Returns the adapter of a recipe and its training. */
async function adapterOf(
  recipe: AdapterRecipe,
  trained: TrainingResult,
  { scenes, signal }: TrainingContext,
): Promise<FittedAdapter> {
  const { plan, backbone, training } = recipe;
  const { scene, patchSize, classes } = plan;
  const method = findMethod(recipe.method);
  const settings = settingsOf(recipe);
  const normalizer = makeNormalizer(recipe.normalizer, scene.statistics);
  const { mean, components } = await scenes.pca(scene, signal);
  const vector = (values: Float32Array): NamedTensor => ({ shape: [values.length], values });
  const { batchSize, learningRate, seed } = training;
  const adapter: Adapter = {
    metadata: {
      ...(recipe.diffusion === undefined
        ? { formatVersion }
        : { formatVersion: diffusedFormatVersion, diffusion: { reach: recipe.diffusion.reach } }),
      backbone: { name: backbone.name, digest: backbone.digest },
      method: recipe.method,
      settings,
      ...(trained.learned.size > 0 && method.scope === 'factors' && { targets: adaptableProjections(backbone.config) }),
      pooling: training.pooling,
      views: recipe.views,
      patchSize,
      bands: scene.raster!.bands,
      ...bandsOf(scene.raster!),
      pcaDigest: scene.pcaDigest,
      classes: [...classes],
      training: {
        scene: scene.name,
        split: plan.split,
        trainPixels: plan.train.pixels.length,
        testPixels: plan.test.pixels.length,
        epochs: trained.lossByEpoch.length,
        batchSize,
        learningRate,
        seed,
        lossByEpoch: [...trained.lossByEpoch],
      },
    },
    tensors: {
      factors: method.scope === 'factors' ? trained.learned : new Map<string, NamedTensor>(),
      headWeight: trained.headWeight,
      headBias: trained.headBias,
      pcaMean: vector(mean),
      pcaComponents: { shape: [scene.components, scene.raster!.bands], values: components },
      normalizerMean: vector(normalizer.mean),
      normalizerDeviation: vector(normalizer.deviation),
    },
  };
  return { adapter, isBackbone: method.scope === 'backbone', trained };
}

/** Largest number of bands whose wavelengths an adapter stores: its header holds 1 MiB. */
const describedBands = 16_384;

/** Returns the band metadata of a scene, for the adapter's metadata. */
function bandsOf({
  bands,
  wavelengths,
  fullWidths,
  goodBands,
}: RasterInfo): Pick<AdapterMetadata, 'wavelengths' | 'fullWidths' | 'goodBands'> {
  if (bands > describedBands) return {};
  return {
    ...(wavelengths.length > 0 && { wavelengths: [...wavelengths] }),
    ...(fullWidths.length > 0 && { fullWidths: [...fullWidths] }),
    ...(goodBands.includes(false) && { goodBands: [...goodBands] }),
  };
}
