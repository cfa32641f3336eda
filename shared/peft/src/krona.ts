/**
 * KronA: the weight update is a Kronecker product, ΔW = s · (A ⊗ B).
 *
 * Edalati et al. 2022, arXiv:2212.10650, eq. 4. KronA+ (Ligan et al. 2025) is the same layer: only B's learning rate is
 * λ times A's.
 */
import { failure } from '@hyperswap/errors';
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import { z } from 'zod';
import {
  type FactorShapes,
  type Factors,
  type Method,
  type MethodSettings,
  type Projection,
  type ProjectionChange,
  type WeightShape,
} from './method.js';
import { kroneckerUpdate } from './kronecker-product.js';

export interface KronaSettings extends MethodSettings {
  /** Rows of A; B gets out / rows. */
  readonly rows: number;
  /** Columns of A; B gets in / columns. */
  readonly columns: number;
  /** s, the factor on the product. */
  readonly scale: number;
}

/** A `[a1, a2]` starts Gaussian, B `[out / a1, in / a2]` at zero. */
function factorShapes(weight: WeightShape, { rows, columns }: KronaSettings): FactorShapes {
  if (weight.out % rows !== 0 || weight.in % columns !== 0) {
    throw failure('METHOD_SETTINGS', {
      method: 'krona',
      reason: `A of ${rows} × ${columns} does not divide the weight ${weight.out} × ${weight.in}`,
    });
  }
  return {
    krona_a: { shape: [rows, columns], deviation: columns ** -0.5, boosted: false },
    krona_b: { shape: [weight.out / rows, weight.in / columns], deviation: 0, boosted: true },
  };
}

/** A ⊗ B = A ⊗ (I · B), of rank (rows of B) · (columns of A). */
function adapt(_: Projection, { krona_a: a, krona_b: b }: Factors, { scale }: KronaSettings): ProjectionChange {
  const tf = tensorflow();
  const right = b as Tensor2D;
  return { update: kroneckerUpdate(tf.mul(a as Tensor2D, scale), { left: tf.eye(right.shape[0]) as Tensor2D, right }) };
}

/**
 * Shape of A: the paper's 384 × 2 at width 768, and the same proportion above. It limits ΔW to rank 4. Narrow backbones
 * have few values, so 8 × 8 gives them full rank.
 */
function settingsSchema(weight: WeightShape, lambda: z.ZodType<number>): z.ZodType<KronaSettings> {
  const isNarrow = weight.out < 768;
  return z
    .object({
      rows: z.coerce
        .number()
        .int()
        .min(1)
        .default(isNarrow ? 8 : weight.out / 2),
      columns: z.coerce
        .number()
        .int()
        .min(1)
        .default(isNarrow ? 8 : 2),
      scale: z.coerce.number().positive().default(1),
      lambda,
    })
    .strict();
}

export const krona: Method<KronaSettings> = {
  name: 'krona',
  description: 'Kronecker-product update, ΔW = s·(A ⊗ B)',
  scope: 'factors',
  settingsSchema: (weight) => settingsSchema(weight, z.literal(1).default(1)),
  factorShapes,
  adapt,
};

/** λ 1.02 is the paper's for Indian Pines. */
export const kronaPlus: Method<KronaSettings> = {
  ...krona,
  name: 'krona+',
  description: 'KronA whose B learns λ times as fast as A',
  settingsSchema: (weight) => settingsSchema(weight, z.coerce.number().positive().default(1.02)),
};
