import { restoreError, type SerializedError } from '@hyperswap/errors';
import { JobKind as KindMessage, JobState as StateMessage, type JobProgress, type JobStatus } from '@hyperswap/proto';
import { toErrorStatus } from '@hyperswap/rpc';
import type { JobState, JobStatus as Status } from './job-status.js';
import type { JobView } from './job-view.js';

/** Kinds in the contract by the names that they have here. */
const kinds: ReadonlyMap<string, KindMessage> = new Map([
  ['preparation', KindMessage.JOB_KIND_PREPARATION],
  ['training', KindMessage.JOB_KIND_TRAINING],
  ['pretraining', KindMessage.JOB_KIND_PRETRAINING],
  ['classification', KindMessage.JOB_KIND_SCENE],
]);

const states: Readonly<Record<JobState, StateMessage>> = {
  queued: StateMessage.JOB_STATE_QUEUED,
  running: StateMessage.JOB_STATE_RUNNING,
  cancelling: StateMessage.JOB_STATE_CANCELLING,
  done: StateMessage.JOB_STATE_DONE,
  failed: StateMessage.JOB_STATE_FAILED,
  cancelled: StateMessage.JOB_STATE_CANCELLED,
};

/** Returns the kind of a job in the contract, by its name here. */
export function toKindMessage(kind: string): KindMessage {
  return kinds.get(kind) ?? KindMessage.JOB_KIND_UNSPECIFIED;
}

/** Returns the state of a job in the contract. */
export function toStateMessage(state: JobState): StateMessage {
  return states[state];
}

/**
 * Returns the part of a job's description that all kinds share, as it travels.
 *
 * @param progress latest, where there is any
 */
export function toJobStatus(job: JobView<unknown>, progress: JobProgress | undefined): JobStatus {
  const { id, kind, status, createdAt, startedAt, endedAt, attempts } = job;
  return {
    job: id,
    kind: toKindMessage(kind),
    state: states[status.state],
    progress,
    error: status.state === 'failed' ? toErrorStatus(restoreError(status.reason)) : undefined,
    waitingFor: waits(status) ? toErrorStatus(restoreError(status.reason)) : undefined,
    createdAt,
    startedAt,
    endedAt,
    attempts,
  };
}

type Waiting = Extract<Status, { readonly reason?: SerializedError }> & { readonly reason: SerializedError };

/** Tells a job that is tried again after a failure. */
function waits(status: Status): status is Waiting {
  return (status.state === 'queued' || status.state === 'running') && status.reason !== undefined;
}
