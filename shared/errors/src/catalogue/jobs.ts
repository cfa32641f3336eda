import { entry } from './entry.js';

/** Errors of long work, whatever its kind: trainings, pretrainings, classifications, preparations. */
export const jobErrors = {
  JOB_NOT_FOUND: entry(
    'NOT_FOUND',
    { kind: 'text', job: 'text' },
    ({ kind, job }) =>
      `There is no ${kind} with the id ${job}: none was started, or it ended so long ago that it was cleared away.`,
  ),
  JOBS_FULL: entry(
    'RESOURCE_EXHAUSTED',
    { kind: 'text', limit: 'number', retryAfterMilliseconds: 'number' },
    ({ kind, limit, retryAfterMilliseconds }) =>
      `${limit} jobs of the kind ${kind} wait or run, and more are not taken: try again in ${retryAfterMilliseconds} ms, cancel one, or raise HYPERSWAP_JOB_LIMIT.`,
    { retryAfterMilliseconds: ({ retryAfterMilliseconds }) => retryAfterMilliseconds },
  ),
  JOB_LOST: entry(
    'ABORTED',
    { kind: 'text', job: 'text', times: 'number' },
    ({ kind, job, times }) =>
      `The ${kind} ${job} was given up: processes that worked on it ended or stopped answering ${times} times. Their logs may tell why; often the memory does not suffice.`,
  ),
  JOB_INTERRUPTED: entry(
    'ABORTED',
    { kind: 'text', job: 'text' },
    ({ kind, job }) =>
      `The ${kind} ${job} ended with the command that ran it: start it again. "hyperswap up" runs jobs that outlive a command.`,
  ),
  JOB_NOT_DONE: entry(
    'FAILED_PRECONDITION',
    { kind: 'text', job: 'text', state: 'text' },
    ({ kind, job, state }) => `The ${kind} ${job} is ${state}: it has a result only when it is done.`,
  ),
  JOB_NOT_FAILED: entry(
    'FAILED_PRECONDITION',
    { kind: 'text', job: 'text', state: 'text' },
    ({ kind, job, state }) => `The ${kind} ${job} is ${state}: only a job that failed can be queued again.`,
  ),
};
