import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { throwIfAborted, validateName } from '@hyperswap/errors';
import type { StartPretrainingRequest } from '@hyperswap/proto';
import { toDuration } from '@hyperswap/rpc';
import { inMemory } from '@hyperswap/safetensors';
import { componentStatistics, pixelsWithData, simulateScene, type ComponentStatistics } from '@hyperswap/scene';
import { readBackbone, writeBackbone, type Backbone } from '@hyperswap/spectralgpt';
import type { PretrainingStep, UnlabelledScene } from './engine/pretrain.js';
import { pretrainingSettings, requireComponents, simulatedSide } from './check-pretraining.js';
import { Checkpoints } from './checkpoints.js';
import type { TrainingContext } from './training-context.js';
import { shortCurve, type TrainingOutcome } from './training-result.js';

/**
 * Pretrains a backbone on the pixels of prepared scenes and stores it in half precision. A run that is interrupted
 * leaves its last checkpoint; a successful run removes it.
 *
 * @throws errors of the scenes, settings or engine; FIELD_INVALID if there is nothing to resume, or it was made with
 *   other settings
 */
export async function runPretraining(
  request: StartPretrainingRequest,
  context: TrainingContext,
): Promise<TrainingOutcome> {
  validateName('Backbone name', request.backbone);
  if (request.from === '') return pretrainFrom(request, undefined, context);
  return context.backbones.use(request.from, (start) => pretrainFrom(request, start, context));
}

async function pretrainFrom(
  request: StartPretrainingRequest,
  from: Backbone | undefined,
  context: TrainingContext,
): Promise<TrainingOutcome> {
  const { store, backbones, engine, precision, signal, report } = context;
  const start = performance.now();
  const settings = pretrainingSettings(request, from);
  const { backbone: name, scenes: names, sceneDigests, simulatedScenes } = request;
  const fingerprint = JSON.stringify({ names, sceneDigests, simulatedScenes, settings, start: from?.digest ?? '' });
  const checkpoints = new Checkpoints(store, `pretraining/${name}/checkpoint.safetensors`, fingerprint);
  const resumed = context.isRepeated
    ? await checkpoints.lastIfAny()
    : request.resume
      ? await checkpoints.last()
      : undefined;
  const scenes = await gatherScenes(request, settings.config.components, context);
  const lossByStep: number[] = [...(resumed?.losses ?? [])];
  let saving = Promise.resolve();
  const pretrained = engine.call(
    'pretrain',
    { scenes, settings, precision, start: from, resumed },
    {
      signal,
      transfer: scenes.map(({ pixels }) => pixels.buffer),
      onProgress: (value) => {
        const { step, loss, checkpoint } = value as PretrainingStep;
        lossByStep.push(loss);
        report({ stage: 'pretraining', done: step, total: settings.steps, epoch: 0, loss });
        if (checkpoint === undefined) return;
        const { steps, random, tensors } = checkpoint;
        const losses = lossByStep.slice();
        saving = saving.then(() =>
          checkpoints.save({ epoch: steps, steps, random: [...random], losses, accuracies: [], tensors }),
        );
      },
    },
  );
  // A checkpoint that is being written is finished, however the run ends.
  const tensors = await pretrained.finally(() => saving);
  const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-pretraining-'));
  try {
    await writeBackbone(directory, settings.config, inMemory(tensors), 'F16');
    const backbone = await readBackbone(request.backbone, directory);
    await backbones.keep(backbone, directory);
    await checkpoints.remove();
    const value = {
      backbone: backbone.name,
      digest: backbone.digest,
      parameters: backbone.parameters,
      lossByStep: shortCurve(lossByStep),
      steps: lossByStep.length,
      elapsed: toDuration(performance.now() - start),
    };
    return { response: { event: { $case: 'pretrainingFinished', value } } };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Returns the pixels of the request's scenes, and of simulated ones. */
async function gatherScenes(
  request: StartPretrainingRequest,
  components: number,
  { scenes: source, signal, report }: TrainingContext,
): Promise<UnlabelledScene[]> {
  const total = request.scenes.length + request.simulatedScenes;
  const scenes: UnlabelledScene[] = [];
  const told = (): void => {
    report({ stage: 'scenes', done: scenes.length, total, epoch: 0, loss: undefined });
  };
  for (const [index, name] of request.scenes.entries()) {
    const scene = requireComponents(await source.scene(name, request.sceneDigests[index], signal), components);
    const { scores, valid } = await source.allScores(scene, signal);
    const pixels = standardise(scores, scene.statistics);
    const centres = valid.includes(0) ? { centres: pixelsWithData(valid) } : {};
    scenes.push({ height: scene.raster!.height, width: scene.raster!.width, pixels, ...centres });
    told();
  }
  for (let i = 0; i < request.simulatedScenes; i++) {
    throwIfAborted(signal, 'Pretraining');
    const { height, width, scores } = simulateScene(simulatedSide, simulatedSide, components, 1000 * request.seed + i);
    scenes.push({ height, width, pixels: standardise(scores, componentStatistics(scores, components)) });
    told();
  }
  return scenes;
}

/**
 * Standardises scores to mean 0 and standard deviation 1, component after component.
 *
 * @param scores `[pixels, components]`
 * @returns `[components, pixels]`
 */
function standardise(scores: Float32Array, statistics: readonly ComponentStatistics[]): Float32Array {
  const components = statistics.length;
  const pixels = scores.length / components;
  const result = new Float32Array(scores.length);
  statistics.forEach(({ mean, deviation }, component) => {
    for (let pixel = 0; pixel < pixels; pixel++) {
      result[component * pixels + pixel] = (scores[pixel * components + component]! - mean) / (deviation || 1);
    }
  });
  return result;
}
