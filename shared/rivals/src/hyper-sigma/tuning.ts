/** Settings of a training of HyperSIGMA: the method by which its encoders adapt, and the rates. */
import { failure } from '@hyperswap/errors';
import { adaptableProjections, adaptedWeight, findMethod, methodSettings, type Adaptation } from '@hyperswap/peft';
import { z } from 'zod';
import { depthOf, encoders } from './parameters.js';
import type { HyperSigmaSize } from './size.js';

/** Training of the encoders together with the head. */
export interface Tuning {
  /** Method and its target projections: W_Q and W_V of every block of both encoders. */
  readonly adaptation: Adaptation;
  readonly learningRate: number;
  /** Epochs of the head on the frozen encoders, before the encoders learn and after it. */
  readonly headEpochs: number;
}

export const defaultHeadEpochs = 100;

/** Full fine-tuning takes the authors' learning rate. The adapters' was not searched. */
const learningRates: Readonly<Record<string, number>> = { full: 6e-5 };

const schema = (method: string) =>
  z.object({
    learningRate: z.coerce
      .number()
      .positive()
      .default(learningRates[method] ?? 1e-3),
    headEpochs: z.coerce.number().int().positive().max(10_000).default(defaultHeadEpochs),
  });

/**
 * Returns the tuning of the encoders. Undefined for the linear probe, which is the default: the encoders stay frozen.
 *
 * @param given `adaptation`, `learningRate`, `headEpochs`, and settings of the adaptation method
 * @throws METHOD_UNKNOWN, METHOD_SETTINGS, FIELD_INVALID
 */
export function parseTuning(
  { adaptation = 'linear-probe', ...given }: Readonly<Record<string, string>>,
  size: HyperSigmaSize,
): Tuning | undefined {
  const method = findMethod(adaptation);
  const isProbe = method.name === 'linear-probe';
  const { learningRate, headEpochs, ...others } = given;
  const settings = methodSettings(method, adaptedWeight(size), isProbe ? given : others);
  if (isProbe) return undefined;
  const parsed = schema(method.name).safeParse({ learningRate, headEpochs });
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw failure('FIELD_INVALID', { field: `setting ${issue.path.join('.')}`, reason: issue.message });
  }
  const targets = encoders.flatMap((encoder) =>
    adaptableProjections({ depth: depthOf(encoder) }).map((projection) => `${encoder}.${projection}`),
  );
  return { adaptation: { method, settings, targets }, ...parsed.data };
}
