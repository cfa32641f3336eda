/**
 * BitFit: only biases learn, b′ = b + Δb.
 *
 * Ben Zaken et al. 2022, arXiv:2106.10199; as in the paper, the biases of W_Q and W_V.
 */
import { tensorflow } from '@hyperswap/tensor';
import { z } from 'zod';
import type { Method, MethodSettings } from './method.js';

export const bitfit: Method = {
  name: 'bitfit',
  description: 'the biases of the queries and values',
  scope: 'factors',
  settingsSchema: (): z.ZodType<MethodSettings> => z.object({ lambda: z.literal(1).default(1) }).strict(),
  factorShapes: ({ out }) => ({ bias_update: { shape: [out], deviation: 0, boosted: false } }),
  adapt: ({ bias }, { bias_update: update }) => ({ bias: tensorflow().add(bias, update!) }),
};
