/**
 * Linear probe: the backbone is not changed, only the head learns. It is the baseline that every other method has to
 * beat.
 */
import { z } from 'zod';
import { leaveAsIs, type Method, type MethodSettings } from './method.js';

export const linearProbe: Method = {
  name: 'linear-probe',
  description: 'the head alone; features are computed once, so it trains in seconds',
  scope: 'factors',
  settingsSchema: (): z.ZodType<MethodSettings> => z.object({ lambda: z.literal(1).default(1) }).strict(),
  factorShapes: () => ({}),
  adapt: leaveAsIs,
};
