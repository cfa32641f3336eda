/** Numbers and times in words. */
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { JobState } from '../../generated/hyperswap/v1/job_pb.js';

/** Returns a share, for example `87.3 %`. */
export function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
}

/** Returns a time of this place; a dash for none. */
export function timeText(time: Timestamp | undefined): string {
  return time === undefined
    ? '–'
    : timestampDate(time).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}

/** Returns bytes, for example `1.5 MB`. */
export function bytesText(bytes: number | bigint): string {
  let value = Number(bytes);
  for (const unit of ['B', 'kB', 'MB']) {
    if (value < 1000) return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} GB`;
}

/** Returns a probability of a test, for example `0.031` or `below 0.001`. */
export function probabilityText(value: number): string {
  return value < 0.001 ? 'below 0.001' : value.toFixed(3);
}

const states: Readonly<Record<JobState, string>> = {
  [JobState.UNSPECIFIED]: 'unknown',
  [JobState.QUEUED]: 'waiting',
  [JobState.RUNNING]: 'running',
  [JobState.CANCELLING]: 'being cancelled',
  [JobState.DONE]: 'done',
  [JobState.FAILED]: 'failed',
  [JobState.CANCELLED]: 'cancelled',
};

/** Returns a state of a job in words. */
export function stateText(state: JobState | undefined): string {
  return states[state ?? JobState.UNSPECIFIED];
}
