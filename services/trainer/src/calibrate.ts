import type { Adapter } from '@hyperswap/adapter';
import { fitTemperature, meanLoss } from '@hyperswap/map';
import type { NamedTensor } from '@hyperswap/safetensors';
import { splitMatchedValidation } from '@hyperswap/splits';
import type { AdapterRecipe } from './adapter-recipe.js';
import { logitsOfPixels } from './evaluate-adapter.js';
import { fitAdapter, type FittedAdapter } from './fit-adapter.js';
import { withTunedBackbone } from './keep-tuned-backbone.js';
import { addPseudoLabels } from './pseudo-labels.js';
import type { TrainingContext } from './training-context.js';
import { validationShare, type LabelledPixels, type TrainingPlan } from './training-plan.js';

/**
 * Returns the plan that calibrates another one: its training pixels without a part of them, which are its test pixels,
 * as far from the others as the map is from all of them.
 *
 * @throws SPLIT_INVALID if there are too few training pixels
 */
export async function calibrationPlan(plan: TrainingPlan, seed: number): Promise<TrainingPlan> {
  const { train, split, blockSize, scene } = plan;
  const whole = {
    ...{ train: train.pixels, trainLabels: train.labels },
    ...{ test: [], testLabels: new Uint8Array(), description: split, blockSize },
  };
  const held = await splitMatchedValidation(whole, scene.raster!, validationShare, seed);
  return {
    ...plan,
    train: { pixels: held.train, labels: held.trainLabels },
    test: { pixels: held.test, labels: held.testLabels },
    validation: undefined,
    split: held.description,
  };
}

/** Training that is calibrated. */
interface CalibrationOptions {
  /** Pseudo-labels per class. */
  readonly pseudoLabels: number;
  /** Its test pixels are its validation pixels. */
  readonly isValidating: boolean;
}

/**
 * Calibrates an adapter: divides its head by the temperature at which validation pixels are most likely. These are the
 * training's own validation pixels; where it has none, the same recipe is trained once more without a quarter of the
 * training pixels, and they calibrate. Test pixels have no part in it.
 */
export async function calibrate(
  fitted: FittedAdapter,
  recipe: AdapterRecipe,
  { pseudoLabels, isValidating }: CalibrationOptions,
  context: TrainingContext,
): Promise<FittedAdapter> {
  const { plan, training } = recipe;
  const own: TrainingContext = {
    ...context,
    report: (progress) => {
      context.report({ ...progress, stage: `calibration, ${progress.stage}` });
    },
  };
  const found =
    plan.validation !== undefined && !isValidating
      ? await temperatureOf(fitted, plan.validation, recipe, own)
      : await temperatureOfAnother({ ...recipe, plan: await calibrationPlan(plan, training.seed) }, pseudoLabels, own);
  return { ...fitted, adapter: divideHead(fitted.adapter, found) };
}

type Calibration = NonNullable<Adapter['metadata']['calibration']>;

/** Trains the recipe of a calibration plan and calibrates it. @param pseudoLabels per class */
async function temperatureOfAnother(
  recipe: AdapterRecipe,
  pseudoLabels: number,
  context: TrainingContext,
): Promise<Calibration> {
  const training = { ...recipe.training, patience: 0, checkpointEvery: 0 };
  const bare = { ...recipe, training, plan: { ...recipe.plan, pseudoLabelled: undefined } };
  const plan = pseudoLabels === 0 ? bare.plan : await addPseudoLabels(pseudoLabels, bare, context);
  return temperatureOf(await fitAdapter({ ...bare, plan }, context), bare.plan.test, bare, context);
}

async function temperatureOf(
  fitted: FittedAdapter,
  { pixels, labels }: LabelledPixels,
  recipe: AdapterRecipe,
  context: TrainingContext,
): Promise<Calibration> {
  const { plan } = recipe;
  const read = (adapter: Adapter): Promise<Float32Array> => logitsOfPixels(adapter, pixels, recipe, context);
  const logits = await (fitted.isBackbone
    ? withTunedBackbone('calibration', fitted, recipe, context, ({ adapter }) => read(adapter))
    : read(fitted.adapter));
  const labelled = { logits, labels, classes: plan.classes.length };
  const temperature = fitTemperature(labelled);
  return {
    temperature,
    pixels: pixels.length,
    lossBefore: meanLoss(labelled, 1),
    lossAfter: meanLoss(labelled, 1 / temperature),
  };
}

/** Returns an adapter whose logits are divided by a temperature. */
function divideHead({ metadata, tensors }: Adapter, calibration: Calibration): Adapter {
  const divided = ({ shape, values }: NamedTensor): NamedTensor => ({
    shape,
    values: values.map((value) => value / calibration.temperature),
  });
  return {
    metadata: { ...metadata, calibration },
    tensors: { ...tensors, headWeight: divided(tensors.headWeight), headBias: divided(tensors.headBias) },
  };
}
