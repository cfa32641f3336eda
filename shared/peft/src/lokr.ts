/**
 * LoKr: the weight update is the Kronecker product of a small matrix and a low-rank one, ΔW = (α / r) · C ⊗ (B · A).
 *
 * Yeh et al. 2024 (LyCORIS), arXiv:2309.14859, section 3.2.
 */
import { failure } from '@hyperswap/errors';
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import { z } from 'zod';
import { kroneckerUpdate } from './kronecker-product.js';
import {
  type FactorShapes,
  type Factors,
  type Method,
  type MethodSettings,
  type Projection,
  type ProjectionChange,
  type WeightShape,
} from './method.js';

export interface LokrSettings extends MethodSettings {
  /** Side of the square C. */
  readonly factor: number;
  /** r, the rank of the other factor. */
  readonly rank: number;
  /** α; the update is scaled by α / r. */
  readonly alpha: number;
}

/** C `[factor, factor]` and A `[r, in / factor]` start Gaussian, B `[out / factor, r]` at zero. */
function factorShapes(weight: WeightShape, { factor, rank }: LokrSettings): FactorShapes {
  const invalid = (reason: string): Error => failure('METHOD_SETTINGS', { method: 'lokr', reason });
  if (weight.out % factor !== 0 || weight.in % factor !== 0) {
    throw invalid(`factor ${factor} does not divide the weight ${weight.out} × ${weight.in}`);
  }
  const [out, input] = [weight.out / factor, weight.in / factor];
  if (rank > Math.min(out, input)) throw invalid(`rank ${rank} is more than the factor ${out} × ${input} has`);
  return {
    lokr_c: { shape: [factor, factor], deviation: factor ** -0.5, boosted: false },
    lokr_a: { shape: [rank, input], deviation: input ** -0.5, boosted: false },
    lokr_b: { shape: [out, rank], deviation: 0, boosted: false },
  };
}

/** C ⊗ (B · A), of rank factor · r. */
function adapt(_: Projection, factors: Factors, { rank, alpha }: LokrSettings): ProjectionChange {
  const { lokr_c: c, lokr_a: a, lokr_b: b } = factors;
  const left = tensorflow().mul<Tensor2D>(b as Tensor2D, alpha / rank);
  return { update: kroneckerUpdate(c as Tensor2D, { left, right: a as Tensor2D }) };
}

/** The paper's factor 8 and rank 8, α / r = 1. */
export const lokr: Method<LokrSettings> = {
  name: 'lokr',
  description: 'Kronecker product of a small and a low-rank matrix, ΔW = (α/r)·C ⊗ (B·A)',
  scope: 'factors',
  settingsSchema: () =>
    z
      .object({
        factor: z.coerce.number().int().min(1).default(8),
        rank: z.coerce.number().int().min(1).default(8),
        alpha: z.coerce.number().positive().default(8),
        lambda: z.literal(1).default(1),
      })
      .strict(),
  factorShapes,
  adapt,
};
