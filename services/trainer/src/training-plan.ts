/** Plan of a training, derived from its request: scene, pixels, classes, patch size. */
import { failure } from '@hyperswap/errors';
import type { Scene, StartTrainingRequest } from '@hyperswap/proto';
import { checkClasses, completeClasses, maximumClasses, type LandCoverClass } from '@hyperswap/map';
import { maximumPatchSize } from '@hyperswap/scene';
import { splitValidation, type Split } from '@hyperswap/splits';
import type { LabelledPatches } from './engine/train.js';
import type { Preset } from './presets.js';
import { usualShift } from './training-settings.js';
import type { TrainingProgress } from './training-progress.js';
import type { SceneSource } from './scene-source.js';

/** Pixels with their labels from 1. */
export interface LabelledPixels {
  readonly pixels: readonly number[];
  readonly labels: Uint8Array;
}

export interface TrainingPlan {
  readonly scene: Scene;
  readonly classes: readonly LandCoverClass[];
  readonly patchSize: number;
  readonly train: LabelledPixels;
  /** Additional training pixels with pseudo-labels. */
  readonly pseudoLabelled?: LabelledPixels | undefined;
  /** Training pixels that only measure the progress of the training. */
  readonly validation: LabelledPixels | undefined;
  /** Pixels on which the result is evaluated. */
  readonly test: LabelledPixels;
  /** Description of the choice of pixels. */
  readonly split: string;
  /** Side of the blocks that separate training and test pixels; 0 where neighbouring pixels may be on both sides. */
  readonly blockSize: number;
}

const defaultPatchSize = 15;
/** Default share of the training pixels for validation. */
export const validationShare = 0.25;

/** Patch settings that a plan depends on. */
export interface PlanOptions {
  readonly patchSize: number;
  /** Share of the training pixels for validation; 0 for none. */
  readonly validation: number;
  /** Maximum shift of patches, in pixels. */
  readonly shift: number;
}

/**
 * Returns the guard band of splits by blocks: the reach of a training patch, so that no test pixel lies in one. Methods
 * that do not shift patches use the default shift too, so that all are tested on the same pixels.
 */
export function guardBand({ patchSize, shift }: Pick<PlanOptions, 'patchSize' | 'shift'>): number {
  return Math.floor(patchSize / 2) + Math.max(usualShift, shift);
}

/** Plans a training. @throws SCENE_NOT_FOUND, SCENE_CHANGED, FIELD_INVALID, SPLIT_INVALID, TOO_FEW_CLASSES */
export async function planTraining(
  request: StartTrainingRequest,
  preset: Preset | undefined,
  options: PlanOptions,
  scenes: SceneSource,
  signal: AbortSignal,
): Promise<TrainingPlan> {
  const scene = await scenes.scene(request.scene, request.sceneDigest, signal);
  const { patchSize, validation } = options;
  const wanted = request.split ?? presetSplit(preset, request.seed);
  const split = await scenes.split(scene, wanted, guardBand(options), signal);
  const classes = nameClasses(scene, preset, split, request.split?.kind?.$case === 'labelMaps');
  const side = (pixels: readonly number[], labels: Uint8Array): LabelledPixels => ({ pixels, labels });
  const plan = { scene, classes, patchSize, blockSize: split.blockSize };
  if (!request.validateOnly && validation === 0) {
    const { train, trainLabels, test, testLabels, description } = split;
    return {
      ...plan,
      train: side(train, trainLabels),
      validation: undefined,
      test: side(test, testLabels),
      split: description,
    };
  }
  const held = splitValidation(split, scene.raster!.width, validation || validationShare, request.seed);
  const train = side(held.train, held.trainLabels);
  const kept = side(held.test, held.testLabels);
  if (request.validateOnly) return { ...plan, train, validation: kept, test: kept, split: held.description };
  return { ...plan, train, validation: kept, test: side(split.test, split.testLabels), split: split.description };
}

function presetSplit(preset: Preset | undefined, seed: number): StartTrainingRequest['split'] {
  if (preset === undefined) return undefined;
  if (preset.maps !== undefined) return { kind: { $case: 'labelMaps', value: { ...preset.maps } } };
  const value = { labelMap: '', count: 0, smallCount: 0, counts: [...preset.counts], seed };
  return { kind: { $case: 'perClass', value } };
}

/** Returns all pixels that a plan trains on. */
export function trainingPixels({ train, pseudoLabelled }: TrainingPlan): LabelledPixels {
  if (pseudoLabelled === undefined) return train;
  return {
    pixels: [...train.pixels, ...pseudoLabelled.pixels],
    labels: Uint8Array.of(...train.labels, ...pseudoLabelled.labels),
  };
}

/** Returns the patch size of the request or the preset. @throws FIELD_INVALID */
export function namedPatchSize(given: number, preset: Preset | undefined): number {
  const patchSize = given === 0 ? (preset?.patchSize ?? defaultPatchSize) : given;
  if (patchSize % 2 === 1 && patchSize <= maximumPatchSize) return patchSize;
  const reason = `${patchSize} is not an odd number up to ${maximumPatchSize}`;
  throw failure('FIELD_INVALID', { field: 'patch_size', reason });
}

/**
 * Returns the scene's classes, with the preset's names if the scene has none.
 *
 * @throws TOO_FEW_CLASSES, CLASSES_INVALID
 */
function nameClasses(
  scene: Scene,
  preset: Preset | undefined,
  { trainLabels, testLabels }: Split,
  isOfMaps: boolean,
): LandCoverClass[] {
  const present = new Set(trainLabels);
  if (present.size < 2) throw failure('TOO_FEW_CLASSES', { scene: scene.name, classes: present.size });
  const count = Math.min(maximumClasses, Math.max(...present, ...new Set(testLabels)));
  const classes = completeClasses(scene.classes, count);
  // Maps in the numbering of the ground truth have its counts.
  const isOtherwise = isOfMaps && !preset?.counts.every((wanted, index) => wanted === countOf(trainLabels, index + 1));
  const names = isOtherwise ? (preset?.classesOfMaps ?? preset?.classes) : preset?.classes;
  const isNamed = scene.classes.some(({ name }, index) => name !== `class ${index + 1}`);
  const named =
    names === undefined || isNamed
      ? classes
      : classes.map((found, index) => ({ ...found, name: names[index] ?? found.name }));
  checkClasses(named);
  return named;
}

function countOf(labels: Uint8Array, label: number): number {
  return labels.reduce((count, own) => count + Number(own === label), 0);
}

/** Returns patches around pixels, in the order of the pixels. */
export async function gatherPatches(
  { scene, patchSize }: Pick<TrainingPlan, 'scene' | 'patchSize'>,
  { pixels, labels }: LabelledPixels,
  scenes: SceneSource,
  signal: AbortSignal,
  report: (progress: TrainingProgress) => void = () => undefined,
): Promise<LabelledPatches> {
  const values = patchSize ** 2 * scene.components;
  const scores = new Float32Array(pixels.length * values);
  report({ stage: 'patches', done: 0, total: pixels.length, epoch: 0, loss: undefined });
  for await (const batch of scenes.patches(scene, pixels, patchSize, signal)) {
    scores.set(batch.scores, batch.first * values);
    const done = batch.first + batch.count;
    report({ stage: 'patches', done, total: pixels.length, epoch: 0, loss: undefined });
  }
  return { scores, labels };
}
