import { failure, restoreError, type HyperswapError } from '@hyperswap/errors';
import type { Bus } from '@hyperswap/messaging';
import type { ObjectStore } from '@hyperswap/storage';
import { interruptOrphan } from './interrupted.js';
import type { JobKind } from './job-kind.js';
import type { JobRecord } from './job-record.js';
import type { JobRecords } from './job-records.js';
import { hasEnded } from './job-status.js';
import { toView, type JobView } from './job-view.js';
import { resultKey } from './objects.js';
import { progressSubject } from './reporter.js';

/** Polling interval of the record, because events can be lost while the bus is unavailable. */
const lookMilliseconds = 3_000;

/** Event of a job. The first event is its status; the last is the result. */
export type JobNews<Request, Result, Progress> =
  | { readonly news: 'status'; readonly job: JobView<Request, Progress> }
  | { readonly news: 'progress'; readonly progress: Progress }
  | { readonly news: 'result'; readonly job: JobView<Request, Progress>; readonly result: Result };

export interface WatchContext {
  readonly records: JobRecords;
  readonly bus: Bus;
  readonly store: ObjectStore;
  /** Aborted with the error that ends all watches in this process. */
  readonly ending: AbortSignal;
}

/**
 * Watches a job to its end. Events between two reads of the caller are merged: it gets the newest status and the newest
 * progress.
 *
 * @param signal ends the stream without an error
 * @throws JOB_NOT_FOUND; the reason when it failed; CANCELLED; DRAINING
 */
export async function* watchJob<Request, Result, Progress>(
  kind: JobKind<Request, Result, Progress>,
  id: string,
  { records, bus, store, ending }: WatchContext,
  signal: AbortSignal,
): AsyncGenerator<JobNews<Request, Result, Progress>> {
  // A listener is added only for a job that exists.
  await records.find(id);
  // Reads the record now, and once for all events since the last read.
  let mustLook = true;
  let progress: string | undefined;
  let wake: () => void = () => undefined;
  const look = (): void => {
    mustLook = true;
    wake();
  };
  const stopListening = [
    records.listen(id, look),
    bus.events.subscribe(progressSubject(kind.name, id), (content) => {
      progress = String(content);
      wake();
    }),
  ];
  let tending: Promise<void> | undefined;
  const timer = setInterval(() => {
    look();
    // The process that ran it may have been killed. Events of the job do not wait for this check.
    tending ??= records
      .find(id)
      .then((record) => interruptOrphan(records, bus, kind.name, { id, record }))
      .catch(() => undefined)
      .finally(() => {
        tending = undefined;
      });
  }, lookMilliseconds);
  signal.addEventListener('abort', look);
  ending.addEventListener('abort', look);
  let told: string | undefined;
  try {
    for (;;) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (signal.aborted) return;
      if (mustLook) {
        mustLook = false;
        const record = await records.find(id);
        const summary = JSON.stringify([record.status, record.parts?.finished, record.round]);
        if (summary !== told && !hasEnded(record.status)) {
          yield { news: 'status', job: toView(kind, { id, record }) };
        }
        told = summary;
        if (hasEnded(record.status)) {
          if (record.status.state !== 'done') throw reasonOf(kind.name, record);
          const result = kind.result.decode(await store.get(resultKey(kind.name, id)));
          yield { news: 'result', job: toView(kind, { id, record }), result };
          return;
        }
      }
      if (progress !== undefined) {
        const news = kind.progress.decode(Buffer.from(progress, 'base64'));
        progress = undefined;
        yield { news: 'progress', progress: news };
      }
      ending.throwIfAborted();
      await changed;
    }
  } finally {
    clearInterval(timer);
    for (const stop of stopListening) stop();
    signal.removeEventListener('abort', look);
    ending.removeEventListener('abort', look);
  }
}

/** Error that watchers of a job without a result get. */
function reasonOf(kind: string, { status }: JobRecord): HyperswapError {
  return status.state === 'failed' ? restoreError(status.reason) : failure('CANCELLED', { what: `The ${kind}` });
}
