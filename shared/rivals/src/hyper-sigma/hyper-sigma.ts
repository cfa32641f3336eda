/** HyperSIGMA: frozen encoders with a trained fusion and head, or encoders that adapt by a method first. */
import { learningPrecision } from '@hyperswap/spectralgpt';
import type { MethodContext } from '@hyperswap/tensor';
import { predictionOf } from '../predict.js';
import type { ComponentsArguments, ComponentsRival, PixelClassifier, RivalProgress } from '../rival.js';
import { countParameters } from '../shapes.js';
import { openEncoderValues, type EncoderValues } from './encoder-values.js';
import { fitHead, type FittedHead } from './fit-head.js';
import { uploadEncoders, type OwnedEncoders } from './frozen-encoders.js';
import { adaptedEncoders, wholeEncoders } from './learned-encoders.js';
import { headShapes } from './parameters.js';
import { baseSize, windowSide, type HyperSigmaSize } from './size.js';
import { tuneEncoders } from './tune-encoders.js';
import { defaultHeadEpochs, parseTuning, type Tuning } from './tuning.js';
import { WhitenedScene } from './whitened-scene.js';
import { featuresOf } from './window-features.js';

const defaultTuningEpochs = 10;
const randomNote = 'random weights: measures the architecture';
const releasedNote = 'released encoder blocks; embeddings, spatial positions and sampling offsets start at random';

/** Returns HyperSIGMA of a size. @param name of the size */
export function hyperSigmaOf(size: HyperSigmaSize, name: string): ComponentsRival {
  return {
    name: 'hyper-sigma',
    sees: 'components',
    side: windowSide,
    components: size.components,
    description: `HyperSIGMA (${name}), frozen, with a trained fusion and head, or adapted by a method (--set adaptation=krona+), on windows of ${windowSide} × ${windowSide} pixels and ${size.components} whitened components; from random weights it measures the architecture`,
    checkSettings: (settings) => {
      parseTuning(settings, size);
    },
    fit: async (args, context) => {
      const tuning = parseTuning(args.settings, size);
      const initial = await openEncoderValues(size, args.seed, args.weights);
      try {
        const training: SceneTraining = { ...args, size, scene: new WhitenedScene(args, size.components), initial };
        try {
          return await fit(training, tuning, context);
        } catch (error) {
          training.scene.dispose();
          throw error;
        }
      } finally {
        initial.close();
      }
    },
  };
}

export const hyperSigma = hyperSigmaOf(baseSize, 'base');

interface SceneTraining extends ComponentsArguments {
  readonly size: HyperSigmaSize;
  readonly scene: WhitenedScene;
  /** Values that the encoders start from. */
  readonly initial: EncoderValues;
}

/** Trains; the result owns the scene. */
async function fit(
  training: SceneTraining,
  tuning: Tuning | undefined,
  context: MethodContext,
): Promise<PixelClassifier> {
  const { size, scene, initial, weights } = training;
  const tuned = tuning && (await tune(training, tuning, context));
  const valuesOf = (name: string): Float32Array => tuned?.values.get(name) ?? initial.read(name);
  const encoders = await freeze(training, valuesOf, context);
  let head: FittedHead;
  try {
    head = await fitHead(
      {
        ...{ ...training, encoders },
        ...(tuning === undefined
          ? { epochs: training.epochs ?? defaultHeadEpochs }
          : { epochs: tuning.headEpochs, resumed: undefined, stage: 'head' as const }),
      },
      context,
    );
  } catch (error) {
    encoders.dispose();
    throw error;
  }
  return {
    parameters: countParameters(headShapes(size, training.classes)) + (tuned?.parameters ?? 0),
    lossByEpoch: tuned?.losses ?? head.losses,
    note: weights === '' ? randomNote : releasedNote,
    classify: async (pixels, running) => {
      const features = await featuresOf(pixels, { scene, encoders }, running);
      try {
        return predictionOf(() => head.logits(features));
      } finally {
        features.dispose();
      }
    },
    dispose: () => {
      scene.dispose();
      encoders.dispose();
      head.dispose();
    },
  };
}

interface Tuned {
  /** Values of the parameters that learned, by name. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Number of learned values, without the head. */
  readonly parameters: number;
  readonly losses: readonly number[];
}

/** Trains a head on the frozen encoders, and then both. */
async function tune(
  training: SceneTraining,
  { adaptation, learningRate, headEpochs }: Tuning,
  context: MethodContext,
): Promise<Tuned> {
  const { size, seed, initial, resumed } = training;
  const isWhole = adaptation.method.scope === 'backbone';
  const encoders = await freeze(training, (name) => initial.read(name), context, !isWhole);
  let head: FittedHead | undefined;
  try {
    // A checkpoint has the head's values; only the scale of the features is found anew.
    const epochs = resumed === undefined ? headEpochs : 0;
    head = await fitHead({ ...training, encoders, epochs, resumed: undefined, stage: 'head' }, context);
    const learned = isWhole
      ? wholeEncoders(size, encoders.precision, (name) => initial.read(name))
      : adaptedEncoders(adaptation, encoders, seed);
    try {
      const own = { ...training, epochs: training.epochs ?? defaultTuningEpochs, learned, head, learningRate };
      const losses = await tuneEncoders(own, context);
      const parameters = [...learned.variables.values()].reduce((sum, variable) => sum + variable.size, 0);
      return { values: learned.learnedValues(), parameters, losses };
    } finally {
      learned.dispose();
    }
  } finally {
    head?.dispose();
    encoders.dispose();
  }
}

/** Uploads the encoders. @param keepsAdapted keep the projections that methods adapt in float32 too */
function freeze(
  { size, precision }: SceneTraining,
  valuesOf: (name: string) => Float32Array,
  context: MethodContext,
  keepsAdapted = false,
): Promise<OwnedEncoders> {
  const report = (step: number, steps: number): void =>
    context.progress({ stage: 'weights', step, steps, epoch: 0, loss: undefined } satisfies RivalProgress);
  return uploadEncoders(size, valuesOf, { precision: learningPrecision(precision), keepsAdapted }, context, report);
}
