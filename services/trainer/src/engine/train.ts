import { adaptedWeight, findMethod, learnedFactors, methodSettings } from '@hyperswap/peft';
import type { NamedTensor } from '@hyperswap/safetensors';
import { residentBackbone, resizeMatrix, type Backbone } from '@hyperswap/spectralgpt';
import { Moved, tensorflow, type MethodContext, type Precision, type TrainingCheckpoint } from '@hyperswap/tensor';
import { Random } from '@hyperswap/random';
import type { Normalizer } from '../normalizer.js';
import type { TrainingPatches } from './augmentation.js';
import { backboneParameters } from './backbone-parameters.js';
import { descend, type StageResult } from './descend.js';
import { classWeights, disposeHead, download, foldHead, type Head } from './head.js';
import { fitHead } from './fit-head.js';
import { backboneLearner, frozenExtractor, learnedExtractor } from './learners.js';
import type { TrainingSettings } from './settings.js';
import { uploadPatches } from './upload-patches.js';

/** Patches with their classes. */
export interface LabelledPatches {
  /**
   * Scores, `[patches, side, side, components]`; the side is the patch size, plus twice the shift if patches are
   * shifted.
   */
  readonly scores: Float32Array;
  /** Class of each patch, from 1. */
  readonly labels: Uint8Array;
}

export interface TrainingArguments {
  readonly backbone: Backbone;
  readonly precision: Precision;
  readonly method: string;
  readonly methodSettings: Readonly<Record<string, number>>;
  readonly patches: LabelledPatches;
  /** Patches whose accuracy is measured after each epoch. */
  readonly validation: LabelledPatches | undefined;
  readonly classes: number;
  readonly patchSize: number;
  readonly normalizer: Normalizer;
  readonly settings: TrainingSettings;
  /** Checkpoint of an earlier run with the same arguments. */
  readonly resumed: TrainingCheckpoint | undefined;
}

export interface TrainingResult extends StageResult {
  /** Factors, or the parameters of another backbone. */
  readonly learned: ReadonlyMap<string, NamedTensor>;
  readonly headWeight: NamedTensor;
  readonly headBias: NamedTensor;
}

/**
 * Trains a method's parameters and a head on labelled patches. The head is trained first, as a linear probe, and the
 * other parameters start from there (Kumar et al. 2022, arXiv:2202.10054). At the end a new head is trained on the
 * resulting features.
 *
 * @throws METHOD_UNKNOWN, METHOD_SETTINGS, TRAINING_DIVERGED, CANCELLED
 */
export async function train(args: TrainingArguments, context: MethodContext): Promise<Moved<TrainingResult>> {
  const tf = tensorflow();
  const { settings, classes, backbone, resumed } = args;
  const resident = residentBackbone(backbone.digest, args.precision);
  const { config } = backbone;
  const method = findMethod(args.method);
  const adaptation = { method, settings: methodSettings(method, adaptedWeight(config), args.methodSettings) };
  const random = new Random(settings.seed);
  const parameters =
    method.scope === 'backbone'
      ? backboneParameters(backbone)
      : learnedFactors(adaptation, config, resident.weights, settings.seed);
  const { variables } = parameters;
  const patches = labelledPatches(args, args.patches, settings.augmentation.shift);
  const validation = args.validation && labelledPatches(args, args.validation, 0);
  const resize = resizeMatrix(args.patchSize, config);
  const learning = { patches, resize, resident, pooling: settings.pooling, context };
  const counts = patches.byClass.map(({ length }) => length);
  const weights = classWeights(settings.classWeights, counts);
  const fitting = { learning, settings, classes, classWeights: weights, random };
  let head: Head | undefined;
  try {
    const isAll = variables.size === 0;
    const probeEpochs = resumed === undefined ? settings.probeEpochs : 0;
    const probe = await fitHead(fitting, {
      name: 'probe',
      extract: frozenExtractor(learning),
      epochs: isAll ? settings.epochs : probeEpochs,
      validation: isAll ? validation : undefined,
    });
    let { result } = probe;
    head = probe.head;
    if (!isAll) {
      const stage = {
        ...{ name: 'training' as const, epochs: settings.epochs, head, classWeights: weights, validation },
        learner: backboneLearner(learning, parameters, settings, random),
        variables,
        rate: (name: string) => settings.learningRate * (parameters.rateFactors.get(name) ?? 1),
      };
      result = await descend(stage, settings, random, context, resumed);
      if (settings.headEpochs > 0) {
        disposeHead(head);
        head = undefined;
        const extract = learnedExtractor(learning, parameters);
        ({ head } = await fitHead(fitting, { name: 'head', extract, epochs: settings.headEpochs }));
      }
    }
    const learned = new Map([...variables].map(([name, variable]) => [name, download(variable)]));
    const moved = [...learned.values()].map(({ values }) => values.buffer);
    return new Moved({ learned, ...foldHead(head), ...result }, moved);
  } finally {
    parameters.dispose();
    if (head !== undefined) disposeHead(head);
    tf.dispose([patches.pixels, resize, ...(validation === undefined ? [] : [validation.pixels])]);
  }
}

function labelledPatches(
  { classes, patchSize, normalizer }: TrainingArguments,
  { scores, labels }: LabelledPatches,
  margin: number,
): TrainingPatches {
  const fromZero = labels.map((label) => label - 1);
  const byClass = Array.from({ length: classes }, (): number[] => []);
  fromZero.forEach((label, patch) => byClass[label]!.push(patch));
  return { ...uploadPatches(scores, normalizer, { patchSize, margin }), labels: fromZero, byClass };
}
