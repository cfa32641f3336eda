import type { WeightUpdate } from '@hyperswap/spectralgpt';
import type { Tensor, Tensor1D, Tensor2D } from '@hyperswap/tensor';
import type { z } from 'zod';

/** Shape of a projection's weight, in PyTorch's order. */
export interface WeightShape {
  readonly out: number;
  readonly in: number;
}

/** A linear projection, `x · weightᵀ + bias`. */
export interface Projection {
  /** `[out, in]` */
  readonly weight: Tensor2D;
  /** `[out]` */
  readonly bias: Tensor1D;
}

/** Changes that a method makes to a projection; omitted parts stay unchanged. */
export interface ProjectionChange extends Partial<Projection> {
  /** Added to the weight. */
  readonly update?: WeightUpdate;
}

/** One learned tensor of an adapted projection. */
export interface FactorShape {
  readonly shape: readonly number[];
  /**
   * Standard deviation of the Gaussian initial values; 0 starts at zero. The initial factors together change nothing.
   */
  readonly deviation: number;
  /** True if the "+" variant of the method multiplies this factor's learning rate by λ. */
  readonly boosted: boolean;
}

export type FactorShapes = Readonly<Record<string, FactorShape>>;
export type Factors = Readonly<Record<string, Tensor>>;

/** Settings that all methods share. */
export interface MethodSettings {
  /** Factor on the learning rate of the boosted factors; 1 without "+". */
  readonly lambda: number;
}

/**
 * Adaptation method: its factors for a frozen projection, and the change that they make to it. A new method is one new
 * file with such an object, and one line in `methods.ts`: docs/methods.md.
 */
export interface Method<Settings extends MethodSettings = MethodSettings> {
  readonly name: string;
  /** One-line description for people who choose a method. */
  readonly description: string;
  /**
   * Learned parameters besides the head: factors of the adapted projections, or the backbone itself, which then becomes
   * another one.
   */
  readonly scope: 'factors' | 'backbone';
  /** Checks settings and fills in the defaults for a weight. `--set` takes settings by these names. */
  settingsSchema(weight: WeightShape): z.ZodType<Settings>;
  /**
   * Returns the factors of one projection; none for methods that train the head alone, or the backbone.
   *
   * @throws METHOD_SETTINGS if the settings do not fit the weight
   */
  factorShapes(weight: WeightShape, settings: Settings): FactorShapes;
  /**
   * Computes the changes to the projection with tfjs ops. Training takes their gradient, serving merges them into a
   * copy. An update of the weight is returned as a product wherever it is one, so that its gradient needs no tensor of
   * the weight's size.
   *
   * @param frozen is not changed
   */
  adapt(frozen: Projection, factors: Factors, settings: Settings): ProjectionChange;
}

/** Implements `adapt` for methods without factors. */
export function leaveAsIs(): ProjectionChange {
  return {};
}
