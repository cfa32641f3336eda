/** Status of jobs as OGC API – Processes has it (`statusInfo`). */
import { JobState, type JobProgress, type JobStatus } from '@hyperswap/proto';
import type { ProcessId } from './processes.js';

/** Job of a process. */
export interface OgcJob {
  readonly process: ProcessId;
  readonly status: JobStatus;
  readonly scene: string;
  /** Version of the adapter, in the form `field@3`; empty for preparations. */
  readonly by: string;
  /** The map has the probabilities of all classes. */
  readonly hasProbabilities: boolean;
}

interface Link {
  readonly href: string;
  readonly rel: string;
  readonly type: string;
  readonly title: string;
}

const states: Readonly<Partial<Record<JobState, string>>> = {
  [JobState.JOB_STATE_QUEUED]: 'accepted',
  [JobState.JOB_STATE_RUNNING]: 'running',
  [JobState.JOB_STATE_CANCELLING]: 'running',
  [JobState.JOB_STATE_DONE]: 'successful',
  [JobState.JOB_STATE_FAILED]: 'failed',
  [JobState.JOB_STATE_CANCELLED]: 'dismissed',
};

/**
 * Returns the status of a job with its links.
 *
 * @param base address of the API, without a slash at its end
 */
export function statusInfo({ process, status, scene, by }: OgcJob, base: string): object {
  const { job, state, progress, error, createdAt, startedAt, endedAt } = status;
  const self = `${base}/jobs/${job}`;
  const links: Link[] = [{ href: self, rel: 'self', type: 'application/json', title: 'Status of the job' }];
  if (state === JobState.JOB_STATE_DONE) {
    const rel = 'http://www.opengis.net/def/rel/ogc/1.0/results';
    links.push({ href: `${self}/results`, rel, type: 'application/json', title: 'Results of the job' });
  }
  const what = process === 'classify' ? `Map of ${scene} by ${by}` : `Preparation of ${scene}`;
  const percent = state === JobState.JOB_STATE_DONE ? 100 : percentOf(progress);
  return {
    ...{ processID: process, type: 'process', jobID: job, status: states[state] ?? 'running' },
    message: error?.message ?? what,
    ...(percent === undefined ? {} : { progress: percent }),
    ...{ created: createdAt, started: startedAt, finished: endedAt, updated: endedAt ?? startedAt ?? createdAt },
    links,
  };
}

function percentOf(progress: JobProgress | undefined): number | undefined {
  return progress === undefined || progress.total === 0
    ? undefined
    : Math.floor((100 * progress.done) / progress.total);
}
