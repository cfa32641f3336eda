/** Settings of the support-vector machine, and their choice on training pixels. */
import { failure, throwIfAborted } from '@hyperswap/errors';
import type { MethodContext } from '@hyperswap/tensor';
import { z } from 'zod';
import { trainMachine, type Kernel } from './kernel-machine.js';

/** Side of the window in pixels, and the cost C of a violated margin. */
export interface MachineSettings {
  readonly window: number;
  readonly cost: number;
}

/** Largest side of a window that is not averaged. */
export const gridSide = 9;
const windows = [1, 3, 5, 7, gridSide];
const costs = [1, 10, 100, 1000];
const usualCost = 10;
/** Training pixels that a choice takes part of at most: its time grows with their square. */
const mostPixels = 1500;

const auto = z.literal('auto');
const schema = z
  .object({
    window: auto.or(z.coerce.number().int().min(1).max(255)).default('auto'),
    cost: auto.or(z.coerce.number().positive().max(1e9)).default('auto'),
  })
  .strict();

/** Settings as given; undefined where they are to be chosen. */
export interface GivenSettings {
  readonly window: number | undefined;
  readonly cost: number | undefined;
}

/** @throws FIELD_INVALID naming the setting and the allowed values */
export function parseMachineSettings(given: Readonly<Record<string, string>>, patchSize: number): GivenSettings {
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const { path, message, code } = parsed.error.issues[0]!;
    const unknown = Object.keys(given).find((key) => !Object.hasOwn(schema.shape, key));
    const field = `setting ${code === 'unrecognized_keys' ? unknown : path.join('.')}`;
    throw failure('FIELD_INVALID', { field, reason: `${message}; svm takes window, cost and pseudoLabels` });
  }
  const known = (value: number | 'auto'): number | undefined => (value === 'auto' ? undefined : value);
  const window = known(parsed.data.window);
  if (window !== undefined && (window % 2 === 0 || window > patchSize)) {
    const reason = `${window} is not an odd number up to ${patchSize}, the patch size`;
    throw failure('FIELD_INVALID', { field: 'setting window', reason });
  }
  return { window, cost: known(parsed.data.cost) };
}

/** Returns the settings where nothing can be chosen. */
function usualSettings({ window, cost }: GivenSettings, patchSize: number): MachineSettings {
  return { window: window ?? patchSize, cost: cost ?? usualCost };
}

/** Input of a choice. */
export interface ChoiceArguments {
  readonly given: GivenSettings;
  readonly patchSize: number;
  readonly labels: Uint8Array;
  /** Each fold marks the training pixels: 0 trains, 1 is held back, 2 does neither. */
  readonly folds: readonly Uint8Array[];
  /** Returns the kernel of the training pixels for a window. */
  readonly kernelOf: (window: number) => Kernel;
}

/**
 * Chooses the settings that are not given: those with the highest overall accuracy on the pixels that the folds hold
 * back, among equals the smaller window and the smaller cost. Test pixels have no part in it.
 *
 * @throws CANCELLED
 */
export async function chooseSettings(
  { given, patchSize, labels, folds, kernelOf }: ChoiceArguments,
  context: MethodContext,
): Promise<MachineSettings> {
  if (folds.length === 0) return usualSettings(given, patchSize);
  const step = Math.ceil(labels.length / mostPixels);
  const placesOf = (fold: Uint8Array, mark: number): number[] =>
    [...fold.keys()].filter((place) => place % step === 0 && fold[place] === mark);
  const parts = folds
    .map((fold) => ({ train: placesOf(fold, 0), held: placesOf(fold, 1) }))
    .filter(({ train, held }) => held.length > 0 && new Set(train.map((place) => labels[place])).size > 1);
  const candidates = given.window === undefined ? windows.filter((window) => window <= patchSize) : [given.window];
  if (given.window === undefined && patchSize > gridSide) candidates.push(patchSize);
  let best = { ...usualSettings(given, patchSize), right: -1 };
  for (const window of candidates) {
    const kernel = kernelOf(window);
    for (const cost of given.cost === undefined ? costs : [given.cost]) {
      let right = 0;
      for (const { train, held } of parts) {
        throwIfAborted(context.signal, 'Training');
        await context.pause();
        const machine = await trainMachine(kernel, train, labels, cost);
        const found = machine.predict(kernel, held);
        machine.free();
        right += held.filter((place, i) => found[i] === labels[place]).length;
      }
      if (right > best.right) best = { window, cost, right };
    }
  }
  const { window, cost } = best;
  return { window, cost };
}
