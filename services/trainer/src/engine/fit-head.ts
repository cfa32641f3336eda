import { pooledWidth } from '@hyperswap/spectralgpt';
import type { Random } from '@hyperswap/random';
import type { TrainingPatches } from './augmentation.js';
import { descend, type Stage, type StageResult } from './descend.js';
import { disposeHead, featureSpread, makeHead, type Head } from './head.js';
import { cachedLearner, featuresOfAll, type FeatureExtractor, type Learner, type LearnerContext } from './learners.js';
import type { TrainingSettings } from './settings.js';

/** What is common to the heads of a training. */
export interface HeadFitting {
  readonly learning: LearnerContext;
  readonly settings: TrainingSettings;
  readonly classes: number;
  readonly classWeights: Float32Array;
  readonly random: Random;
}

export interface HeadStage {
  readonly name: Stage['name'];
  /** Gives the features, which stay as they are meanwhile. */
  readonly extract: FeatureExtractor;
  /** 0 leaves the head where heads start. */
  readonly epochs: number;
  /** To measure the accuracy on, and to stop early by. */
  readonly validation?: TrainingPatches | undefined;
}

/**
 * A new head on features that are computed once.
 *
 * @returns the head, which is the caller's to free
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
    const rate = (): number => settings.headLearningRate;
    const stage = { name, epochs, learner, head, variables: new Map<string, never>(), rate, classWeights, validation };
    const patience = validation === undefined ? 0 : settings.patience;
    return { head, result: await descend(stage, { ...settings, patience }, random, context) };
  } catch (error) {
    disposeHead(head);
    throw error;
  } finally {
    learner?.dispose();
  }
}
