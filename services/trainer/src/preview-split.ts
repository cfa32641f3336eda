import { failure } from '@hyperswap/errors';
import type { PreviewSplitResponse, StartTrainingRequest } from '@hyperswap/proto';
import { findPreset } from './presets.js';
import type { SceneSource } from './scene-source.js';
import { namedPatchSize, planTraining } from './training-plan.js';
import { usualShift } from './training-settings.js';

/** Pixels of a message: at most five bytes each, below 4 MiB. */
const pixelsPerMessage = 500_000;

/**
 * Returns the training and test pixels that a training would have.
 *
 * @throws FIELD_INVALID, SCENE_NOT_FOUND, SCENE_CHANGED, SPLIT_INVALID, TOO_FEW_CLASSES
 */
export async function* previewSplit(
  request: StartTrainingRequest | undefined,
  scenes: SceneSource,
  signal: AbortSignal,
): AsyncGenerator<PreviewSplitResponse> {
  if (request === undefined) throw failure('FIELD_INVALID', { field: 'training', reason: 'it is missing' });
  const preset = request.preset === '' ? undefined : findPreset(request.preset);
  const patchSize = namedPatchSize(request.patchSize, preset);
  const options = { patchSize, validation: 0, shift: usualShift };
  const { train, test, split } = await planTraining(request, preset, options, scenes, signal);
  const common = { split, patchSize };
  for (let first = 0; first < train.pixels.length; first += pixelsPerMessage) {
    yield { ...common, trainPixels: train.pixels.slice(first, first + pixelsPerMessage), testPixels: [] };
  }
  for (let first = 0; first < test.pixels.length; first += pixelsPerMessage) {
    yield { ...common, trainPixels: [], testPixels: test.pixels.slice(first, first + pixelsPerMessage) };
  }
}
