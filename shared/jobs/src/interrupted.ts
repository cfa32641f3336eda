import { failure, serializeError } from '@hyperswap/errors';
import type { Bus } from '@hyperswap/messaging';
import { withStatus } from './job-record.js';
import type { JobRecords, KnownJob } from './job-records.js';
import { hasEnded } from './job-status.js';

/**
 * Ends a job whose queue ended with its process: it fails with JOB_INTERRUPTED. A job that has ended stays as it is.
 */
export async function interrupt(records: JobRecords, kind: string, id: string): Promise<void> {
  const reason = serializeError(failure('JOB_INTERRUPTED', { kind, job: id }));
  await records.change(id, (current) =>
    hasEnded(current.status) ? current : withStatus(current, { state: 'failed', since: Date.now(), reason }),
  );
}

/**
 * Ends a job whose queue belonged to a process that is gone. Takes up to eight seconds where that process was on
 * another machine.
 */
export async function interruptOrphan(
  records: JobRecords,
  bus: Pick<Bus, 'owner' | 'isAlive'>,
  kind: string,
  { id, record: { owner, status } }: KnownJob,
): Promise<void> {
  if (owner === undefined || owner === bus.owner || hasEnded(status) || (await bus.isAlive(owner))) return;
  await interrupt(records, kind, id);
}
