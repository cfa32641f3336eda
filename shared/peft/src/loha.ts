/**
 * LoHa: the weight update is the element-wise product of two low-rank matrices, ΔW = (α / r) · (B₁ · A₁) ⊙ (B₂ · A₂),
 * of rank up to r².
 *
 * Hyeon-Woo et al. 2022 (FedPara), arXiv:2108.06098, eq. 1; as an adapter in LyCORIS, arXiv:2309.14859.
 */
import { failure } from '@hyperswap/errors';
import { tensorflow } from '@hyperswap/tensor';
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

export interface LohaSettings extends MethodSettings {
  /** r, the rank of both products. */
  readonly rank: number;
  /** α; the update is scaled by α / r. */
  readonly alpha: number;
}

/** Returns the factors. B₂ starts at zero, the others start Gaussian. */
function factorShapes(weight: WeightShape, { rank }: LohaSettings): FactorShapes {
  if (rank > Math.min(weight.out, weight.in)) {
    const reason = `rank ${rank} is more than the weight ${weight.out} × ${weight.in} has`;
    throw failure('METHOD_SETTINGS', { method: 'loha', reason });
  }
  const inner = { shape: [rank, weight.in], deviation: weight.in ** -0.5, boosted: false };
  return {
    loha_a1: inner,
    loha_b1: { shape: [weight.out, rank], deviation: 1, boosted: false },
    loha_a2: { ...inner, deviation: 1 },
    loha_b2: { shape: [weight.out, rank], deviation: 0, boosted: false },
  };
}

/**
 * Row o of the left matrix contains every product of a value in B₁'s row with one in B₂'s row. The right matrix
 * contains those of the columns of A₁ and A₂. The rank is r².
 */
function adapt(_: Projection, factors: Factors, { rank, alpha }: LohaSettings): ProjectionChange {
  const tf = tensorflow();
  const { loha_a1: a1, loha_b1: b1, loha_a2: a2, loha_b2: b2 } = factors;
  const [out, input] = [b1!.shape[0]!, a1!.shape[1]!];
  const left = tf.mul(tf.reshape(b1!, [out, rank, 1]), tf.reshape(tf.mul(b2!, alpha / rank), [out, 1, rank]));
  const right = tf.mul(tf.reshape(a1!, [rank, 1, input]), tf.reshape(a2!, [1, rank, input]));
  return { update: { left: tf.reshape(left, [out, rank ** 2]), right: tf.reshape(right, [rank ** 2, input]) } };
}

/** Rank 2 has as many values as LoRA of rank 4. */
export const loha: Method<LohaSettings> = {
  name: 'loha',
  description: 'element-wise product of two low-rank matrices, ΔW = (α/r)·(B₁·A₁) ⊙ (B₂·A₂)',
  scope: 'factors',
  settingsSchema: () =>
    z
      .object({
        rank: z.coerce.number().int().min(1).default(2),
        alpha: z.coerce.number().positive().default(2),
        lambda: z.literal(1).default(1),
      })
      .strict(),
  factorShapes,
  adapt,
};
