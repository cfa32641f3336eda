import { entry } from './entry.js';

/** Errors of long work, whatever its kind: trainings, pretrainings, classifications, preparations. */
export const jobErrors = {
  JOB_NOT_FOUND: entry(
    'NOT_FOUND',
    { kind: 'text', job: 'text' },
    ({ kind, job }) => `There is no ${kind} ${job}. It was never started, or it ended so long ago that it was removed.`,
  ),
  JOBS_FULL: entry(
    'RESOURCE_EXHAUSTED',
    { kind: 'text', limit: 'number', retryAfterMilliseconds: 'number' },
    ({ kind, limit, retryAfterMilliseconds }) =>
      `${limit} jobs of the kind ${kind} wait or run, and no more are accepted. Try again in ${retryAfterMilliseconds} ms, or cancel one.`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
  JOB_LOST: entry(
    'ABORTED',
    { kind: 'text', job: 'text', times: 'number' },
    ({ kind, job, times }) =>
      `The ${kind} ${job} failed, because processes that worked on it ended or stopped answering ${times} times. Check their logs for the reason; often the memory is too small.`,
  ),
  JOB_INTERRUPTED: entry(
    'ABORTED',
    { kind: 'text', job: 'text' },
    ({ kind, job }) =>
      `The ${kind} ${job} ended with the process that ran it. Start it again, on a process that keeps running.`,
  ),
  JOB_NOT_DONE: entry(
    'FAILED_PRECONDITION',
    { kind: 'text', job: 'text', state: 'text' },
    ({ kind, job, state }) => `The ${kind} ${job} is ${state}. It has a result only when it is done.`,
  ),
  JOB_NOT_FAILED: entry(
    'FAILED_PRECONDITION',
    { kind: 'text', job: 'text', state: 'text' },
    ({ kind, job, state }) => `The ${kind} ${job} is ${state}. Only a failed job can be queued again.`,
  ),
};
