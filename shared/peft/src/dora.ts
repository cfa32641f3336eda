/**
 * DoRA: the rows of the weight keep a length of their own and take LoRA's direction, W′ = m ⊙ (W + ΔW) / ‖W + ΔW‖, with
 * m learned.
 *
 * Liu et al. 2024, arXiv:2402.09353, eq. 5. m is stored as its relative change δ, m = (1 + δ) · ‖W‖. It starts at zero,
 * like every factor that initially changes nothing. The gradient passes through the norm; section 4.3 of that paper
 * leaves this part out to save memory.
 */
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import { z } from 'zod';
import { loraSettingsSchema, loraShapes, loraUpdate, type LoraSettings } from './lora.js';
import type { Factors, Method, Projection, ProjectionChange } from './method.js';

function adapt({ weight }: Projection, factors: Factors, settings: LoraSettings): ProjectionChange {
  const tf = tensorflow();
  const lengths = (matrix: Tensor2D): Tensor2D => tf.sqrt(tf.sum(tf.square(matrix), 1, true));
  const { left, right } = loraUpdate(factors, settings);
  const moved = tf.add(weight, tf.matMul(left, right)) as Tensor2D;
  const relative = tf.add(tf.reshape(factors.dora_magnitude!, [-1, 1]), 1);
  const magnitudes = tf.mul(relative, tf.div(lengths(weight), lengths(moved)));
  return { weight: tf.mul(moved, magnitudes) };
}

export const dora: Method<LoraSettings> = {
  name: 'dora',
  description: 'LoRA for the direction of each row of the weight, and a learned length',
  scope: 'factors',
  settingsSchema: () => loraSettingsSchema(z.literal(1).default(1)),
  factorShapes: (weight, settings) => ({
    ...loraShapes(weight, settings),
    dora_magnitude: { shape: [weight.out], deviation: 0, boosted: false },
  }),
  adapt,
};
