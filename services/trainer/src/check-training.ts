import { calibrationPlan } from './calibrate.js';
import { validateName } from '@hyperswap/errors';
import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import type { Scene, StartTrainingRequest } from '@hyperswap/proto';
import type { Backbones } from '@hyperswap/registry';
import { findRival } from '@hyperswap/rivals';
import { findBaseline } from './engine/baselines/baselines.js';
import { findPreset, presetSettings } from './presets.js';
import { requireWalkable } from './measuring-walks.js';
import { checkBaseline } from './run-baseline.js';
import { checkRival, requireBands, seenSide } from './run-rival.js';
import type { SceneSource } from './scene-source.js';
import { requireSpectra } from './spectra-windows.js';
import { namedPatchSize, planTraining } from './training-plan.js';
import { adapterMemory, baselineMemory, checkMemory } from './training-memory.js';
import { parseTrainingSettings } from './training-settings.js';

export interface CheckContext {
  readonly backbones: Backbones;
  /** Memory limit of one training in bytes. */
  readonly trainingBytes: number;
  readonly scenes: SceneSource;
  readonly signal: AbortSignal;
}

/**
 * Checks everything that a training depends on before it is queued: method, settings, preset, patch size, scene,
 * split, classes and memory.
 *
 * @throws METHOD_UNKNOWN, METHOD_SETTINGS, NAME_INVALID, FIELD_INVALID, BACKBONE_NOT_FOUND, SCENE_NOT_FOUND,
 *   SCENE_CHANGED, SPLIT_INVALID, TOO_FEW_CLASSES
 * @returns the scene
 */
export async function checkTraining(
  request: StartTrainingRequest,
  { backbones, trainingBytes, scenes, signal }: CheckContext,
): Promise<Scene> {
  const preset = request.preset === '' ? undefined : findPreset(request.preset);
  const patchSize = namedPatchSize(request.patchSize, preset);
  const rival = findRival(request.method);
  if (rival !== undefined || findBaseline(request.method) !== undefined) {
    const pseudoLabels = rival === undefined ? checkBaseline(request, patchSize).pseudoLabels : 0;
    if (rival !== undefined) checkRival(rival, request);
    const validation = rival?.sees === 'scene' ? rival.validation : 0;
    const plan = await planTraining(request, preset, { patchSize, validation, shift: 0 }, scenes, signal);
    if (rival === undefined) checkMemory(plan, baselineMemory(plan, request.method, pseudoLabels), trainingBytes);
    else {
      requireBands(rival, plan.scene);
      await requireSpectra(scenes, plan, seenSide(rival, patchSize), signal);
    }
    return plan.scene;
  }
  if (!request.validateOnly) validateName('Adapter name', request.adapter);
  const method = findMethod(request.method);
  const { config } = await backbones.describe(request.backbone);
  const given = { ...(preset && presetSettings(preset, request.method, config.width)), ...request.settings };
  const parsed = parseTrainingSettings(given, request.method, config, request.seed);
  methodSettings(method, adaptedWeight(config), parsed.method);
  const { validation, training } = parsed;
  const { shift } = training.augmentation;
  const plan = await planTraining(request, preset, { patchSize, validation, shift }, scenes, signal);
  if (parsed.diffuse !== 0) requireWalkable(plan.scene);
  checkMemory(plan, adapterMemory(plan, parsed, config), trainingBytes);
  // A training that cannot be calibrated fails now, not at its end.
  if (parsed.calibrate) await calibrationPlan(plan, request.seed);
  return plan.scene;
}
