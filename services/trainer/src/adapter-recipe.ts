import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import type { Backbone } from '@hyperswap/spectralgpt';
import type { Precision, TrainingCheckpoint } from '@hyperswap/tensor';
import type { Checkpoint } from './checkpoints.js';
import type { TrainingSettings } from './engine/settings.js';
import type { NormalizerName } from './normalizer.js';
import type { SceneWalks } from './measuring-walks.js';
import type { TrainingPlan } from './training-plan.js';

/** Averages of features along the walks of the plan's scene. */
export interface Diffusion {
  /** Reach of the walks in pixels, above 0. */
  readonly reach: number;
  readonly walks: SceneWalks;
}

/** All that an adapter is trained from. */
export interface AdapterRecipe {
  readonly plan: TrainingPlan;
  readonly backbone: Backbone;
  readonly precision: Precision;
  readonly method: string;
  /** Settings of the method, as given. */
  readonly methodSettings: Readonly<Record<string, string>>;
  readonly training: TrainingSettings;
  readonly normalizer: NormalizerName;
  readonly views: 1 | 8;
  /** Undefined for features that are not averaged. */
  readonly diffusion: Diffusion | undefined;
  readonly resumed?: TrainingCheckpoint;
  readonly onCheckpoint?: (checkpoint: Checkpoint) => void;
}

/**
 * Recipe of the linear probe on the same pixels that prepares a training. It is not validated, and its adapter is not
 * kept.
 */
export function probeBefore(recipe: AdapterRecipe): AdapterRecipe {
  const { plan, training } = recipe;
  return {
    ...recipe,
    method: 'linear-probe',
    methodSettings: {},
    plan: { ...plan, validation: undefined },
    training: { ...training, patience: 0, checkpointEvery: 0 },
  };
}

/** The part of a recipe that classifying with its adapter takes. */
export type ClassifyingRecipe = Pick<AdapterRecipe, 'plan' | 'precision' | 'diffusion'>;

/** Returns the settings of a recipe's method, with defaults. */
export function settingsOf({ method, methodSettings: given, backbone }: AdapterRecipe): Record<string, number> {
  const settings = methodSettings(findMethod(method), adaptedWeight(backbone.config), given);
  return settings as unknown as Record<string, number>;
}
