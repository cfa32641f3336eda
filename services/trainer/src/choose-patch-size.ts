import type { StartTrainingRequest } from '@hyperswap/proto';
import { testAdapter } from './evaluate-adapter.js';
import { probeBefore, type AdapterRecipe } from './adapter-recipe.js';
import { fitAdapter } from './fit-adapter.js';
import type { Preset } from './presets.js';
import type { TrainingContext } from './training-context.js';
import { planTraining, validationShare } from './training-plan.js';

const candidates = [5, 9, 15, 21, 27];

/**
 * Chooses the patch size at which a linear probe is most accurate on a part of the training pixels; among equals the
 * smallest. Test pixels are not used.
 *
 * @param recipe of the training that follows
 */
export async function choosePatchSize(
  request: StartTrainingRequest,
  preset: Preset | undefined,
  recipe: Omit<AdapterRecipe, 'plan'>,
  context: TrainingContext,
): Promise<number> {
  const { scenes, signal, report } = context;
  const silent = { ...context, report: () => undefined };
  let best = { patchSize: candidates[0]!, accuracy: -1 };
  for (const [done, patchSize] of candidates.entries()) {
    report({ stage: 'choosing the patch size', done, total: candidates.length, epoch: 0, loss: undefined });
    const validating = { ...request, validateOnly: true };
    const { shift } = recipe.training.augmentation;
    const options = { patchSize, validation: validationShare, shift };
    const plan = await planTraining(validating, preset, options, scenes, signal);
    const training = {
      ...recipe.training,
      augmentation: { ...recipe.training.augmentation, orientations: false },
    };
    const own = { ...recipe, plan };
    const { adapter } = await fitAdapter(probeBefore({ ...own, training }), silent);
    const { metrics } = await testAdapter(adapter, own, silent);
    const accuracy = metrics!.overallAccuracy;
    if (accuracy > best.accuracy) best = { patchSize, accuracy };
  }
  return best.patchSize;
}
