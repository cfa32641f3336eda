import { pooledWidth } from '@hyperswap/spectralgpt';
import type { Random } from '@hyperswap/random';
import type { MethodContext } from '@hyperswap/tensor';
import type { TrainingPatches } from './augmentation.js';
import { descend, type Stage, type StageResult } from './descend.js';
import { disposeHead, featureSpread, makeHead, setDiscriminant, type Head } from './head.js';
import { cachedLearner, featuresOfAll, type FeatureExtractor, type Learner, type LearnerContext } from './learners.js';
import type { TrainingSettings } from './settings.js';

/** Inputs that all heads of a training share. */
export interface HeadFitting {
  readonly learning: LearnerContext;
  readonly settings: TrainingSettings;
  readonly classes: number;
  readonly classWeights: Float32Array;
  readonly random: Random;
}

export interface HeadStage {
  readonly name: Stage['name'];
  /** Returns the features, which do not change during the fit. */
  readonly extract: FeatureExtractor;
  /** Number of epochs; 0 keeps the initial head. */
  readonly epochs: number;
  /** Patches for the validation accuracy and early stopping. */
  readonly validation?: TrainingPatches | undefined;
}

/**
 * Trains a new head on features that are computed once.
 *
 * @returns the head; the caller frees it
 * @throws TRAINING_DIVERGED, CANCELLED
 */
export async function fitHead(
  { learning, settings, classes, classWeights, random }: HeadFitting,
  { name, extract, epochs, validation }: HeadStage,
): Promise<{ readonly head: Head; readonly result: StageResult }> {
  const { patches, resident, pooling, context } = learning;
  const plain = await featuresOfAll(learning, patches, extract, 0);
  const head = makeHead(classes, pooledWidth(resident.backbone.config, pooling), featureSpread(plain));
  plain.dispose();
  let learner: Learner | undefined;
  try {
    if (epochs === 0) return { head, result: { lossByEpoch: [], accuracyByEpoch: [] } };
    learner = await cachedLearner(learning, extract, settings.augmentation.orientations, random);
    const fit = { head, learner, settings, classWeights, random, name, epochs, validation };
    return { head, result: await fitTo(fit, context) };
  } catch (error) {
    disposeHead(head);
    throw error;
  } finally {
    learner?.dispose();
  }
}

/** Head and the features that it is fitted to. */
export interface FeatureFit
  extends Pick<HeadFitting, 'settings' | 'classWeights' | 'random'>, Omit<HeadStage, 'extract'> {
  readonly head: Head;
  /** Gives features that do not change during the fit. */
  readonly learner: Learner;
}

/**
 * Fits a head by gradient descent or a discriminant analysis, as the settings say.
 *
 * @throws TRAINING_DIVERGED, CANCELLED
 */
export async function fitTo(
  { head, learner, settings, classWeights, random, name, epochs, validation }: FeatureFit,
  context: MethodContext,
): Promise<StageResult> {
  if (settings.head === 'discriminant') {
    const { input } = learner.prepare(Int32Array.from(learner.labels.keys()));
    const fitted = setDiscriminant(head, input, learner.labels, classWeights, context);
    const loss = await fitted.finally(() => input.dispose());
    return { lossByEpoch: [loss], accuracyByEpoch: [] };
  }
  const rate = (): number => settings.headLearningRate;
  const stage = { name, epochs, learner, head, variables: new Map<string, never>(), rate, classWeights, validation };
  const patience = validation === undefined ? 0 : settings.patience;
  return descend(stage, { ...settings, patience }, random, context);
}
