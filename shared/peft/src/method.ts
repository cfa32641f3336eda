import type { Tensor2D } from '@hyperswap/tensor';
import type { z } from 'zod';

/** Shape of a projection's weight, in PyTorch's order. */
export interface WeightShape {
  readonly out: number;
  readonly in: number;
}

/** One learned tensor of an adapted weight. */
export interface FactorShape {
  readonly shape: readonly [number, number];
  /** How it starts: Gaussian with this deviation; 0 starts at zero, so that training starts at the frozen backbone. */
  readonly deviation: number;
  /** Whether the "+" of a method multiplies its learning rate by λ. */
  readonly boosted: boolean;
}

export type FactorShapes = Readonly<Record<string, FactorShape>>;
export type Factors = Readonly<Record<string, Tensor2D>>;

/** What is common to the settings of all methods. */
export interface MethodSettings {
  /** Factor on the learning rate of the boosted factors; 1 without "+". */
  readonly lambda: number;
}

/**
 * One adaptation method: which factors it learns for a frozen weight W `[out, in]`, and what they add. A new method is one
 * new file with such an object, and one line in `methods.ts`.
 */
export interface Method<Settings extends MethodSettings = MethodSettings> {
  readonly name: string;
  /** One line for people who choose a method. */
  readonly description: string;
  /** Checks settings and fills in the defaults for a weight. Their names are those that `--set` takes. */
  settingsSchema(weight: WeightShape): z.ZodType<Settings>;
  /**
   * The factors of one weight; none for methods that train the head alone.
   *
   * @throws METHOD_SETTINGS when the settings do not fit the weight
   */
  factorShapes(weight: WeightShape, settings: Settings): FactorShapes;
  /** ΔW `[out, in]`, by tfjs ops: what training takes the gradient of, and what serving merges into a copy of the weight. */
  mergeUpdate(factors: Factors, settings: Settings): Tensor2D;
}
