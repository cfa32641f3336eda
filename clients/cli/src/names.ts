/** Names of the values of enumerations, as options take them and tables show them. */
import path from 'node:path';
import { JobKind, JobState, Precision } from '@hyperswap/proto';

/** Number formats by name. */
export const precisions = {
  float32: Precision.PRECISION_FLOAT32,
  bfloat16: Precision.PRECISION_BFLOAT16,
  int8: Precision.PRECISION_INT8,
} as const;

export type PrecisionName = keyof typeof precisions;

/** Kinds of jobs by name. */
export const jobKinds = {
  preparation: JobKind.JOB_KIND_PREPARATION,
  training: JobKind.JOB_KIND_TRAINING,
  pretraining: JobKind.JOB_KIND_PRETRAINING,
  classification: JobKind.JOB_KIND_SCENE,
} as const;

const jobStates = {
  queued: JobState.JOB_STATE_QUEUED,
  running: JobState.JOB_STATE_RUNNING,
  cancelling: JobState.JOB_STATE_CANCELLING,
  done: JobState.JOB_STATE_DONE,
  failed: JobState.JOB_STATE_FAILED,
  cancelled: JobState.JOB_STATE_CANCELLED,
} as const;

/** Returns the name of a number format; `unknown` for one that this version does not know. */
export function precisionName(precision: Precision): string {
  return nameOf(precisions, precision);
}

/** Returns the name of a kind of job; `unknown` for one that this version does not know. */
export function jobKindName(kind: JobKind): string {
  return nameOf(jobKinds, kind);
}

/** Returns the name of a state of a job; `unknown` for one that this version does not know. */
export function jobStateName(state: JobState): string {
  return nameOf(jobStates, state);
}

function nameOf(names: Readonly<Record<string, number>>, wanted: number): string {
  return Object.entries(names).find(([, value]) => value === wanted)?.[0] ?? 'unknown';
}

/** Returns the name of a scene file without its ending, made a valid name of a scene. */
export function sceneNameOf(file: string): string {
  const stem = path.basename(file, path.extname(file)).toLowerCase();
  return stem.replaceAll(/[^a-z0-9._-]+/g, '-').replace(/^[^a-z0-9]+/, '');
}
