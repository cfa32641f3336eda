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

/** What a method makes of a projection; what it leaves out stays. */
export interface ProjectionChange extends Partial<Projection> {
  /** Added to the weight. */
  readonly update?: WeightUpdate;
}

/** One learned tensor of an adapted projection. */
export interface FactorShape {
  readonly shape: readonly number[];
  /** How it starts: Gaussian with this deviation; 0 starts at zero. Together the factors start where nothing is changed. */
  readonly deviation: number;
  /** Whether the "+" of a method multiplies its learning rate by λ. */
  readonly boosted: boolean;
}

export type FactorShapes = Readonly<Record<string, FactorShape>>;
export type Factors = Readonly<Record<string, Tensor>>;

/** What is common to the settings of all methods. */
export interface MethodSettings {
  /** Factor on the learning rate of the boosted factors; 1 without "+". */
  readonly lambda: number;
}

/**
 * One adaptation method: which factors it learns for a frozen projection, and what they make of it. A new method is one new file with such an object,
 * and one line in `methods.ts`: docs/methods.md.
 */
export interface Method<Settings extends MethodSettings = MethodSettings> {
  readonly name: string;
  /** One line for people who choose a method. */
  readonly description: string;
  /** What learns beside the head: factors of the adapted projections, or the backbone itself, which then becomes another one. */
  readonly scope: 'factors' | 'backbone';
  /** Checks settings and fills in the defaults for a weight. Their names are those that `--set` takes. */
  settingsSchema(weight: WeightShape): z.ZodType<Settings>;
  /**
   * The factors of one projection; none for methods that train the head alone, or the backbone.
   *
   * @throws METHOD_SETTINGS when the settings do not fit the weight
   */
  factorShapes(weight: WeightShape, settings: Settings): FactorShapes;
  /**
   * What changes of the projection, by tfjs ops: training takes the gradient of it, serving merges it into a copy. An update of the weight is given as
   * a product wherever it is one, so that nothing of the weight's size is made for its gradient.
   *
   * @param frozen stays as it is
   */
  adapt(frozen: Projection, factors: Factors, settings: Settings): ProjectionChange;
}

/** `adapt` of the methods that have no factors. */
export function leaveAsIs(): ProjectionChange {
  return {};
}
