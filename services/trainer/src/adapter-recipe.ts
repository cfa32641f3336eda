import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import type { Backbone } from '@hyperswap/spectralgpt';
import type { Precision, TrainingCheckpoint } from '@hyperswap/tensor';
import type { Checkpoint } from './checkpoints.js';
import type { TrainingSettings } from './engine/settings.js';
import type { NormalizerName } from './normalizer.js';
import type { TrainingPlan } from './training-plan.js';

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
  /** Reach in pixels of the walks along which features are averaged; 0 for none. */
  readonly diffusion: number;
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

/** Returns the settings of a recipe's method, with defaults. */
export function settingsOf({ method, methodSettings: given, backbone }: AdapterRecipe): Record<string, number> {
  const settings = methodSettings(findMethod(method), adaptedWeight(backbone.config), given);
  return settings as unknown as Record<string, number>;
}
