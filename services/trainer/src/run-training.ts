import { writeAdapter, type Adapter, type AdapterMetadata } from '@hyperswap/adapter';
import { failure, throwIfAborted, validateName } from '@hyperswap/errors';
import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import type { StartTrainingRequest, TrainingProgress, WatchTrainingResponse } from '@hyperswap/proto';
import { toAdapterVersion, withBackbone, type AdapterRegistry } from '@hyperswap/registry';
import { completeClasses, evaluate, type Split } from '@hyperswap/scene';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';
import type { Precision, ProgramClient } from '@hyperswap/tensor';
import type { TrainerProgram } from './engine/program.js';
import type { TrainingReport } from './engine/train.js';
import type { SceneSource } from './scene-source.js';
import { parseTrainingSettings } from './training-settings.js';

export interface TrainingContext {
  readonly store: ObjectStore;
  readonly registry: AdapterRegistry;
  readonly engine: ProgramClient<TrainerProgram>;
  readonly scenes: SceneSource;
  /** What backbones run in. */
  readonly precision: PrecisionChoice;
  readonly signal: AbortSignal;
  readonly report: (progress: TrainingProgress) => void;
}

const defaultPatchSize = 15;
const maximumPatchSize = 63;
const maximumClasses = 255;

/**
 * A training from request to registered version: patches of the training pixels, factors and head, the test, the blob.
 * Nothing is registered until all of it is done.
 *
 * @throws what the scene, split, settings or engine refuse
 */
export async function runTraining(
  request: StartTrainingRequest,
  { store, registry, engine, scenes, precision: precisionChoice, signal, report }: TrainingContext,
): Promise<WatchTrainingResponse> {
  const start = performance.now();
  validateName('Adapter name', request.adapter);
  const patchSize = checkPatchSize(request.patchSize);
  const method = findMethod(request.method);
  const settings = parseTrainingSettings(request.settings, request.seed);
  const { backbone, precision } = await withBackbone(store, request.backbone, async (found) => ({
    backbone: found,
    precision: await engine.call('makeResident', { backbone: found, precision: precisionChoice }),
  }));
  const weight = adaptedWeight(backbone.config);
  const ofMethod = methodSettings(method, weight, settings.method) as unknown as Record<string, number>;

  const scene = await scenes.scene(request.scene, signal);
  const split = await scenes.split(request.scene, request.split, signal);
  const classCount = checkClasses(request.scene, split);
  const classes = completeClasses(scene.classes, classCount);
  const { mean, components } = await scenes.pca(request.scene, signal);
  const normalizer = {
    mean: Float32Array.from(scene.statistics, (component) => component.mean),
    // A component without spread carries nothing; it is left at zero.
    deviation: Float32Array.from(scene.statistics, (component) => component.deviation || 1),
  };

  report(progress('patches', 0, split.train.length));
  const values = patchSize ** 2 * scene.components;
  const patches = new Float32Array(split.train.length * values);
  for await (const batch of scenes.patches(request.scene, split.train, patchSize, signal)) {
    patches.set(batch.scores, batch.first * values);
    report(progress('patches', batch.first + batch.count, split.train.length));
  }
  const trained = await engine.call(
    'train',
    {
      backboneDigest: backbone.digest,
      precision,
      method: request.method,
      methodSettings: ofMethod,
      patches,
      labels: split.trainLabels,
      classes: classes.length,
      patchSize,
      normalizer,
      settings: settings.training,
    },
    {
      signal,
      transfer: [patches.buffer],
      onProgress: (value) => {
        const { stage, step, steps, epoch, loss } = value as TrainingReport;
        report({ ...progress(stage, step, steps), epoch, loss });
      },
    },
  );

  const vector = (array: Float32Array): { shape: number[]; values: Float32Array } => ({
    shape: [array.length],
    values: array,
  });
  const { epochs, batchSize, learningRate, seed } = settings.training;
  const metadata: AdapterMetadata = {
    formatVersion: 1,
    backbone: { name: backbone.name, digest: backbone.digest },
    method: request.method,
    settings: ofMethod,
    patchSize,
    bands: scene.bands,
    pcaDigest: scene.pcaDigest,
    classes,
    training: {
      scene: scene.name,
      split: split.description,
      trainPixels: split.train.length,
      testPixels: split.test.length,
      epochs,
      batchSize,
      learningRate,
      seed,
      lossByEpoch: [...trained.lossByEpoch],
    },
  };
  const adapter: Adapter = {
    metadata,
    tensors: {
      factors: trained.factors,
      headWeight: trained.headWeight,
      headBias: trained.headBias,
      pcaMean: vector(mean),
      pcaComponents: { shape: [scene.components, scene.bands], values: components },
      normalizerMean: vector(normalizer.mean),
      normalizerDeviation: vector(normalizer.deviation),
    },
  };
  const predicting = { engine, scenes, precision, signal, report };
  const predictions = await predict(adapter, split.test, scene.components, predicting);
  const names = classes.map(({ name }) => name);
  const metrics = evaluate(split.testLabels, predictions, names);
  throwIfAborted(signal, 'Training');
  const tested: AdapterMetadata = {
    ...metadata,
    metrics: { ...metrics, perClass: [...metrics.perClass], confusion: [...metrics.confusion] },
  };
  const record = await registry.publish(
    request.adapter,
    request.adapter,
    writeAdapter({ ...adapter, metadata: tested }),
  );
  return {
    event: {
      $case: 'finished',
      value: {
        adapter: toAdapterVersion(record),
        metrics: tested.metrics,
        lossByEpoch: [...trained.lossByEpoch],
        seconds: (performance.now() - start) / 1000,
        testPixels: [...split.test],
        testPredictions: Buffer.from(predictions),
      },
    },
  };
}

/** Classes of the test pixels, by the adapter as it will serve: factors merged, through the blob. */
async function predict(
  adapter: Adapter,
  pixels: readonly number[],
  components: number,
  context: Pick<TrainingContext, 'engine' | 'scenes' | 'signal' | 'report'> & { readonly precision: Precision },
): Promise<Uint8Array> {
  const { engine, scenes, precision, signal, report } = context;
  const { patchSize, training, backbone } = adapter.metadata;
  const predictions = new Uint8Array(pixels.length);
  const name = crypto.randomUUID();
  await engine.call('bind', { name, blob: writeAdapter(adapter), backboneDigest: backbone.digest, precision });
  try {
    for await (const { first, count, scores } of scenes.patches(training.scene, pixels, patchSize, signal)) {
      predictions.set(await engine.call('classify', { name, scores, components }), first);
      report(progress('testing', first + count, pixels.length));
    }
  } finally {
    await engine.call('unbind', { name });
  }
  return predictions;
}

function progress(stage: string, done: number, total: number): TrainingProgress {
  return { stage, done, total, epoch: 0, loss: undefined };
}

function checkPatchSize(given: number): number {
  const patchSize = given === 0 ? defaultPatchSize : given;
  if (patchSize % 2 === 1 && patchSize <= maximumPatchSize) return patchSize;
  throw failure('FIELD_INVALID', {
    field: 'patch_size',
    reason: `${patchSize} is not an odd number up to ${maximumPatchSize}`,
  });
}

/** @throws TOO_FEW_CLASSES */
function checkClasses(scene: string, { trainLabels, testLabels }: Split): number {
  const present = new Set(trainLabels);
  if (present.size < 2) throw failure('TOO_FEW_CLASSES', { scene, classes: present.size });
  return Math.min(maximumClasses, Math.max(...present, ...new Set(testLabels)));
}
