/** Linear probe: the backbone stays as it is, only the head learns. The floor that every other method has to beat. */
import { failure } from '@hyperswap/errors';
import { z } from 'zod';
import type { Method, MethodSettings } from './method.js';

export const linearProbe: Method = {
  name: 'linear-probe',
  description: 'the head alone; features are computed once, so it trains in seconds',
  settingsSchema: (): z.ZodType<MethodSettings> => z.object({ lambda: z.literal(1).default(1) }).strict(),
  factorShapes: () => ({}),
  mergeUpdate: () => {
    throw failure('INTERNAL', { reason: 'linear-probe has no update to merge' });
  },
};
