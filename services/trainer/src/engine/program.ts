/** Program of the trainer in the executor's worker. */
import { Binding, readAdapter } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import {
  makeResident,
  makeServable,
  learningPrecision,
  releaseResident,
  residentBackbone,
  type Backbone,
  type PrecisionChoice,
} from '@hyperswap/spectralgpt';
import { tensorflow, type MethodContext, type Precision, type Tensor2D } from '@hyperswap/tensor';
import {
  findRival,
  type ComponentsArguments,
  type PixelClassifier,
  type RivalPrediction,
  type SceneArguments,
  type WindowArguments,
} from '@hyperswap/rivals';
import type { BaselineArguments, Classified, Classifier } from './baselines/baseline.js';
import { findBaseline } from './baselines/baselines.js';
import { pretrain } from './pretrain.js';
import { sumFeatures, takeSums } from './sum-features.js';
import { trainHead } from './train-head.js';
import { train } from './train.js';

/** Classifier under evaluation. */
interface Evaluated extends Pick<Classifier, 'classify' | 'dispose'> {
  /** Computes the logits of patches, `[patches, classes]`; undefined for comparison methods. */
  readonly logits?: (scores: Float32Array) => Float32Array;
}

/** Classifiers under evaluation, by the name the caller gave. */
const classifiers = new Map<string, Evaluated>();

/** Classifiers of pixels of the scene that they were trained on, by the name the caller gave. */
const pixelClassifiers = new Map<string, PixelClassifier>();

/** Returns an adapter applied to scores, exactly as it is served. */
function adapterClassifier(binding: Binding, components: number): Evaluated {
  const tf = tensorflow();
  const onPatches = <Result>(scores: Float32Array, use: (patches: Tensor2D) => Result): Result => {
    const patches: Tensor2D = tf.tidy(() =>
      binding.fromScores(tf.tensor2d(scores, [scores.length / components, components])),
    );
    try {
      return use(patches);
    } finally {
      patches.dispose();
    }
  };
  return {
    classify: (scores) =>
      onPatches(scores, (patches) => {
        const { labels, confidence } = binding.classify(patches);
        return { labels, confidence };
      }),
    logits: (scores) =>
      onPatches(scores, (patches) => {
        const logits = binding.logits(patches);
        const values = logits.dataSync() as Float32Array;
        logits.dispose();
        return values;
      }),
    dispose: () => binding.dispose(),
  };
}

/** Returns the labels of a prediction with their confidence. */
function classifiedOf({ labels, probabilities }: RivalPrediction): {
  readonly labels: Uint8Array;
  readonly confidence: Uint8Array;
} {
  const classes = probabilities.length / labels.length;
  const confidence = labels.map((label, pixel) => Math.round(255 * probabilities[pixel * classes + label - 1]!));
  return { labels, confidence };
}

const program = {
  /**
   * Holds a backbone for a training. One that stays as it is runs forward only, as in service.
   *
   * @throws FIELD_INVALID
   */
  makeResident({ backbone, precision: choice, isFrozen }: HoldArguments): Precision {
    if (isFrozen) return makeServable(backbone, choice).precision;
    const precision = learningPrecision(choice);
    makeResident(backbone, precision);
    return precision;
  },

  /** Frees a backbone that is no longer used. */
  releaseResident({ digest, precision }: { digest: string; precision: Precision }): void {
    releaseResident(digest, precision);
  },

  pretrain,

  train,

  trainHead,

  sumFeatures,

  takeSums,

  /** Trains a baseline and loads it for evaluation. @returns what it learned */
  async fitBaseline(
    { name, baseline, ...args }: BaselineArguments & { name: string; baseline: string },
    context: MethodContext,
  ): Promise<Pick<Classifier, 'parameters' | 'side' | 'chosen'>> {
    const found = findBaseline(baseline);
    if (found === undefined) throw failure('INTERNAL', { reason: `there is no baseline ${baseline}` });
    const classifier = await found.fit(args, context);
    classifiers.set(name, classifier);
    const { parameters, side, chosen } = classifier;
    return { parameters, ...(side !== undefined && { side }), ...(chosen && { chosen }) };
  },

  /** Trains a rival that sees windows and loads it for evaluation. @returns the number of learned values */
  async fitWindowRival(
    { name, rival, ...args }: WindowArguments & { name: string; rival: string },
    context: MethodContext,
  ): Promise<number> {
    const found = findRival(rival);
    if (found?.sees !== 'windows') throw failure('INTERNAL', { reason: `${rival} is no rival that sees windows` });
    const classifier = await found.fit(args, context);
    classifiers.set(name, {
      classify: (scores) => classifiedOf(classifier.classify(scores)),
      dispose: () => classifier.dispose(),
    });
    return classifier.parameters;
  },

  /** Trains a rival that sees the whole scene, and classifies all of its pixels. */
  async fitSceneRival({ rival, ...args }: SceneArguments & { rival: string }, context: MethodContext) {
    const found = findRival(rival);
    if (found?.sees !== 'scene') throw failure('INTERNAL', { reason: `${rival} is no rival that sees the scene` });
    const { prediction, ...result } = await found.fit(args, context);
    return { ...result, classified: classifiedOf(prediction) };
  },

  /** Trains a rival that sees windows of the scene's components and loads it for evaluation. */
  async fitComponentsRival(
    { name, rival, ...args }: ComponentsArguments & { name: string; rival: string },
    context: MethodContext,
  ): Promise<Pick<PixelClassifier, 'parameters' | 'lossByEpoch' | 'note'>> {
    const found = findRival(rival);
    if (found?.sees !== 'components')
      throw failure('INTERNAL', { reason: `${rival} is no rival that sees components` });
    const classifier = await found.fit(args, context);
    pixelClassifiers.set(name, classifier);
    const { parameters, lossByEpoch, note } = classifier;
    return { parameters, lossByEpoch, note };
  },

  /** Classifies pixels of the scene. @param pixels as row · width + column */
  async classifyPixels(
    { name, pixels }: { name: string; pixels: readonly number[] },
    context: MethodContext,
  ): Promise<Classified> {
    const classifier = pixelClassifiers.get(name);
    if (classifier === undefined) throw failure('INTERNAL', { reason: `${name} is not ready` });
    return classifiedOf(await classifier.classify(pixels, context));
  },

  /** Loads an adapter for evaluation. */
  bind({ name, blob, backboneDigest, precision, components }: BindArguments): void {
    const binding = new Binding(name, readAdapter(name, blob), residentBackbone(backboneDigest, precision));
    classifiers.set(name, adapterClassifier(binding, components));
  },

  unbind({ name }: { name: string }): void {
    classifiers.get(name)?.dispose();
    classifiers.delete(name);
    pixelClassifiers.get(name)?.dispose();
    pixelClassifiers.delete(name);
  },

  /** Classifies patches. @param scores `[patches, patchSize, patchSize, components]` */
  classify({ name, scores }: { name: string; scores: Float32Array }): Classified {
    const classifier = classifiers.get(name);
    if (classifier === undefined) throw failure('INTERNAL', { reason: `${name} is not ready` });
    return classifier.classify(scores);
  },

  /**
   * Returns the logits of patches by an adapter, `[patches, classes]`.
   *
   * @param scores `[patches, patchSize, patchSize, components]`
   */
  logits({ name, scores }: { name: string; scores: Float32Array }): Float32Array {
    const logits = classifiers.get(name)?.logits;
    if (logits === undefined) throw failure('INTERNAL', { reason: `${name} is not an adapter that is ready` });
    return logits(scores);
  },
};

export interface HoldArguments {
  readonly backbone: Backbone;
  readonly precision: PrecisionChoice;
  /** No weight of the backbone is learned, and no gradient passes through it. */
  readonly isFrozen: boolean;
}

export interface BindArguments {
  readonly name: string;
  readonly blob: Uint8Array;
  readonly backboneDigest: string;
  readonly precision: Precision;
  readonly components: number;
}

export type TrainerProgram = typeof program;
export default program;
