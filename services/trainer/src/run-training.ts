import { learnedParameterCount } from '@hyperswap/adapter';
import { validateName } from '@hyperswap/errors';
import { adaptationParameterCount, adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import type { StartTrainingRequest } from '@hyperswap/proto';
import type { Backbone } from '@hyperswap/spectralgpt';
import type { Precision } from '@hyperswap/tensor';
import type { AdapterRecipe, Diffusion } from './adapter-recipe.js';
import { Checkpoints } from './checkpoints.js';
import { calibrate } from './calibrate.js';
import { choosePatchSize } from './choose-patch-size.js';
import { chooseReach } from './choose-reach.js';
import { publishAdapter, testAdapter } from './evaluate-adapter.js';
import { fitAdapter } from './fit-adapter.js';
import { keepTunedBackbone } from './keep-tuned-backbone.js';
import { sceneWalks } from './measuring-walks.js';
import { findPreset, presetSettings } from './presets.js';
import type { TrainingContext } from './training-context.js';
import { addPseudoLabels } from './pseudo-labels.js';
import { namedPatchSize, planTraining } from './training-plan.js';
import { finished, type TrainingOutcome } from './training-result.js';
import { parseTrainingSettings } from './training-settings.js';

/**
 * Runs a training from the request to the registered version: patches of the training pixels, factors and head, the
 * test, the blob. Registration is the last step. A run that is interrupted leaves its last checkpoint; a successful run
 * removes it.
 *
 * @throws errors of the scene, split, settings or engine
 */
export async function runTraining(request: StartTrainingRequest, context: TrainingContext): Promise<TrainingOutcome> {
  if (!request.validateOnly) validateName('Adapter name', request.adapter);
  findMethod(request.method);
  return context.backbones.use(request.backbone, async (backbone) => {
    const { engine } = context;
    const isFrozen = request.method === 'linear-probe';
    const precision = await engine.call('makeResident', { backbone, precision: context.precision, isFrozen });
    try {
      return await trainOn(backbone, precision, request, context);
    } finally {
      await engine.call('releaseResident', { digest: backbone.digest, precision });
    }
  });
}

async function trainOn(
  backbone: Backbone,
  precision: Precision,
  request: StartTrainingRequest,
  context: TrainingContext,
): Promise<TrainingOutcome> {
  const start = performance.now();
  const { store, scenes, signal } = context;
  const preset = request.preset === '' ? undefined : findPreset(request.preset);
  const given = { ...(preset && presetSettings(preset, request.method, backbone.config.width)), ...request.settings };
  const {
    training,
    method,
    normalizer,
    validation,
    views,
    pseudoLabels,
    calibrate: isCalibrated,
    diffuse,
  } = parseTrainingSettings(given, request.method, backbone.config, request.seed);
  const found = findMethod(request.method);
  const settings = methodSettings(found, adaptedWeight(backbone.config), method);
  const recipe = {
    ...{ backbone, precision, method: request.method, methodSettings: method },
    ...{ training, normalizer, views, diffusion: undefined },
  };
  const patchSize = request.choosePatchSize
    ? await choosePatchSize(request, preset, recipe, context)
    : namedPatchSize(request.patchSize, preset);
  const { shift } = training.augmentation;
  const planned = await planTraining(request, preset, { patchSize, validation, shift }, scenes, signal);
  const diffusion = diffuse === 0 ? undefined : await diffusionOf(diffuse, { ...recipe, plan: planned }, context);
  const bare: AdapterRecipe = { ...recipe, diffusion, plan: planned };
  const plan = pseudoLabels === 0 ? planned : await addPseudoLabels(pseudoLabels, bare, context);

  const fingerprint = JSON.stringify({
    scene: plan.scene.sourceDigest,
    train: plan.train.pixels,
    patchSize,
    backbone: backbone.digest,
    precision,
    given,
    method: request.method,
    seed: request.seed,
  });
  const checkpoints = new Checkpoints(store, `trainings/${request.adapter}/checkpoint.safetensors`, fingerprint);
  const last = context.isRepeated
    ? await checkpoints.lastIfAny()
    : request.resume
      ? await checkpoints.last()
      : undefined;
  let saving = Promise.resolve();
  const own: AdapterRecipe = { ...bare, plan };
  const kept: AdapterRecipe = {
    ...own,
    ...(last && { resumed: last }),
    onCheckpoint: (checkpoint) => {
      if (!request.validateOnly) saving = saving.then(() => checkpoints.save(checkpoint));
    },
  };
  // A checkpoint that is being written is finished, however the run ends.
  const plain = await fitAdapter(kept, context).finally(() => saving);
  const fitted = isCalibrated
    ? await calibrate(plain, own, { pseudoLabels, isValidating: request.validateOnly }, context)
    : plain;
  const { lossByEpoch, accuracyByEpoch } = fitted.trained;
  const { calibration } = fitted.adapter.metadata;
  const chosenSettings = diffuse === 0 ? undefined : { diffuse: String(diffusion?.reach ?? 0) };
  const result = { lossByEpoch, accuracyByEpoch, calibration, chosenSettings, start };
  const learned = adaptationParameterCount({ method: found, settings }, backbone.config);
  const parameters = learned + fitted.trained.headWeight.values.length + fitted.trained.headBias.values.length;
  if (found.scope === 'backbone') {
    const tuned = await keepTunedBackbone(fitted, own, request, context);
    const { adapter, newBackbone, ...tested } = tuned;
    await checkpoints.remove();
    return finished(plan, { ...result, ...tested, parameters, newBackbone, adapter });
  }
  const tested = await testAdapter(fitted.adapter, own, context);
  if (request.validateOnly) return finished(plan, { ...result, ...tested, parameters });
  const adapter = await publishAdapter(request.adapter, fitted.adapter, tested, context);
  await checkpoints.remove();
  return finished(plan, { ...result, ...tested, parameters: learnedParameterCount(fitted.adapter), adapter });
}

/** Returns the diffusion of a training; undefined where the best reach is 0. The scene is read once for all stages. */
async function diffusionOf(
  diffuse: number | 'auto',
  recipe: AdapterRecipe,
  context: TrainingContext,
): Promise<Diffusion | undefined> {
  const walks = await sceneWalks(recipe.plan.scene, context);
  const reach = diffuse === 'auto' ? await chooseReach(recipe, walks, context) : diffuse;
  return reach === 0 ? undefined : { reach, walks };
}
