import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { failure, throwIfAborted, validateName } from '@hyperswap/errors';
import type { StartPretrainingRequest, WatchTrainingResponse } from '@hyperswap/proto';
import { storeBackboneFiles } from '@hyperswap/registry';
import { inMemory } from '@hyperswap/safetensors';
import { componentStatistics, simulateScene, type ComponentStatistics } from '@hyperswap/scene';
import { readBackbone, writeBackbone } from '@hyperswap/spectralgpt';
import type { PretrainingStep, UnlabelledScene } from './engine/pretrain.js';
import type { TrainingContext } from './run-training.js';
import { parsePretrainingSettings } from './training-settings.js';

const simulatedSide = 96;

/**
 * Pretrains a backbone on the pixels of prepared scenes and keeps it in the store, in half precision.
 *
 * @throws what the scenes, settings or engine refuse
 */
export async function runPretraining(
  request: StartPretrainingRequest,
  { store, engine, scenes: source, signal, report }: TrainingContext,
): Promise<WatchTrainingResponse> {
  const start = performance.now();
  validateName('Backbone name', request.backbone);
  const settings = parsePretrainingSettings(request.size, request.settings, request.seed);
  const { components } = settings.config;
  const total = request.scenes.length + request.simulatedScenes;
  if (total === 0) throw failure('FIELD_INVALID', { field: 'scenes', reason: 'there are none to learn from' });
  const scenes: UnlabelledScene[] = [];
  const told = (): void => {
    report({ stage: 'scenes', done: scenes.length, total, epoch: 0, loss: undefined });
  };
  for (const name of request.scenes) {
    const scene = await source.scene(name, signal);
    const pixels = standardise(await source.allScores(scene, signal), scene.statistics);
    scenes.push({ height: scene.height, width: scene.width, pixels });
    told();
  }
  for (let i = 0; i < request.simulatedScenes; i++) {
    throwIfAborted(signal, 'Pretraining');
    const { height, width, scores } = simulateScene(simulatedSide, simulatedSide, components, 1000 * request.seed + i);
    scenes.push({ height, width, pixels: standardise(scores, componentStatistics(scores, components)) });
    told();
  }
  const lossByStep: number[] = [];
  const tensors = await engine.call(
    'pretrain',
    { scenes, settings },
    {
      signal,
      transfer: scenes.map(({ pixels }) => pixels.buffer),
      onProgress: (value) => {
        const { step, loss } = value as PretrainingStep;
        lossByStep.push(loss);
        report({ stage: 'pretraining', done: step, total: settings.steps, epoch: 0, loss });
      },
    },
  );
  const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-pretraining-'));
  try {
    await writeBackbone(directory, settings.config, inMemory(tensors), 'F16');
    const backbone = await readBackbone(request.backbone, directory);
    await storeBackboneFiles(store, request.backbone, directory);
    return {
      event: {
        $case: 'pretrainingFinished',
        value: {
          backbone: backbone.name,
          digest: backbone.digest,
          parameters: backbone.parameters,
          lossByStep,
          seconds: (performance.now() - start) / 1000,
        },
      },
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Scores to mean 0 and deviation 1, component after component.
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
