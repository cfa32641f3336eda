import type { JobKind } from '@hyperswap/jobs';
import { preparationKind } from '@hyperswap/preprocessing';
import { classificationKind } from '@hyperswap/tile-inference';
import { pretrainingKind, trainingKind } from '@hyperswap/trainer';

/** Kind of job, whatever its requests are. */
export type AnyJobKind = JobKind<unknown, unknown, unknown>;

/** Kinds of job that there are, whether this process does such jobs or not. */
export const jobKinds = [
  preparationKind,
  trainingKind,
  pretrainingKind,
  classificationKind,
] as unknown as readonly AnyJobKind[];
