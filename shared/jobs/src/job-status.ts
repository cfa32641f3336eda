import type { SerializedError } from '@hyperswap/errors';

/**
 * Status of a job. `since` is the time of the change, in milliseconds since 1970 by the clock of the process that wrote
 * it.
 *
 * - `queued`: waits for a worker. With a reason: an attempt failed with this error, and a retry follows.
 * - `running`: a worker processes it or, for a kind with parts, its parts are queued. With a reason: an attempt at a
 *   part failed with this error after the last finished part, and a retry follows.
 * - `cancelling`: it was cancelled, and its worker has not stopped yet. Jobs with parts are cancelled at once.
 * - `done`: its result is in the store.
 * - `failed`: it ended with the reason; failed jobs are the dead-letter queue.
 * - `cancelled`: it was cancelled.
 */
export type JobStatus =
  | { readonly state: 'queued' | 'running'; readonly since: number; readonly reason?: SerializedError }
  | { readonly state: 'cancelling' | 'done' | 'cancelled'; readonly since: number }
  | { readonly state: 'failed'; readonly since: number; readonly reason: SerializedError };

export type JobState = JobStatus['state'];

/** State that only an operator changes. */
export type JobEnd = 'done' | 'failed' | 'cancelled';

/** Returns the state of a job that has ended; undefined for one that has not. */
export function endOf({ state }: JobStatus): JobEnd | undefined {
  return state === 'done' || state === 'failed' || state === 'cancelled' ? state : undefined;
}

/** Tells a job that only an operator changes. */
export function hasEnded(status: JobStatus): boolean {
  return endOf(status) !== undefined;
}
