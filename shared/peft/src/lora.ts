/**
 * LoRA: the weight update is a product of two thin matrices, ΔW = (α / r) · B · A.
 *
 * Hu et al. 2022, arXiv:2106.09685, eq. 3. LoRA+ (Hayou et al. 2024, arXiv:2402.12354) is the same layer: only B's
 * learning rate is λ times A's.
 */
import { failure } from '@hyperswap/errors';
import type { WeightUpdate } from '@hyperswap/spectralgpt';
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import { z } from 'zod';
import { type FactorShapes, type Factors, type Method, type MethodSettings, type WeightShape } from './method.js';

export interface LoraSettings extends MethodSettings {
  /** r, the rank of the update. */
  readonly rank: number;
  /** α; the update is scaled by α / r. */
  readonly alpha: number;
}

/** A `[r, in]` starts Gaussian, with the deviation that keeps x · Aᵀ at the scale of x; B `[out, r]` starts at zero. */
export function loraShapes(weight: WeightShape, { rank }: LoraSettings): FactorShapes {
  if (rank > Math.min(weight.out, weight.in)) {
    throw failure('METHOD_SETTINGS', {
      method: 'lora',
      reason: `rank ${rank} is more than the weight ${weight.out} × ${weight.in} has`,
    });
  }
  return {
    lora_a: { shape: [rank, weight.in], deviation: weight.in ** -0.5, boosted: false },
    lora_b: { shape: [weight.out, rank], deviation: 0, boosted: true },
  };
}

export function loraUpdate({ lora_a: a, lora_b: b }: Factors, { rank, alpha }: LoraSettings): WeightUpdate {
  return { left: tensorflow().mul(b as Tensor2D, alpha / rank), right: a as Tensor2D };
}

/** Rank and scale as in the paper: r = 4, α / r = 1. */
export function loraSettingsSchema(lambda: z.ZodType<number>): z.ZodType<LoraSettings> {
  return z
    .object({
      rank: z.coerce.number().int().min(1).default(4),
      alpha: z.coerce.number().positive().default(4),
      lambda,
    })
    .strict();
}

export const lora: Method<LoraSettings> = {
  name: 'lora',
  description: 'low-rank update, ΔW = (α/r)·B·A',
  scope: 'factors',
  settingsSchema: () => loraSettingsSchema(z.literal(1).default(1)),
  factorShapes: loraShapes,
  adapt: (_, factors, settings) => ({ update: loraUpdate(factors, settings) }),
};

/** λ 1.025 is the paper's for Indian Pines. */
export const loraPlus: Method<LoraSettings> = {
  ...lora,
  name: 'lora+',
  description: 'LoRA whose B learns λ times as fast as A',
  settingsSchema: () => loraSettingsSchema(z.coerce.number().positive().default(1.025)),
};
