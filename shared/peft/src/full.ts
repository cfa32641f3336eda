/**
 * Full fine-tuning: every parameter of the backbone learns. The result is another backbone, and a head that belongs to
 * it.
 */
import { z } from 'zod';
import { leaveAsIs, type Method, type MethodSettings } from './method.js';

export const full: Method = {
  name: 'full',
  description: 'every parameter of the backbone; makes a new backbone, which pods must be started with, and its head',
  scope: 'backbone',
  settingsSchema: (): z.ZodType<MethodSettings> => z.object({ lambda: z.literal(1).default(1) }).strict(),
  factorShapes: () => ({}),
  adapt: leaveAsIs,
};
