import { HyperswapError } from '@hyperswap/errors';
import { hasEnded, type JobRunner } from '@hyperswap/jobs';
import { arraysPrefix, arraysRoot, deleteArrays } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { Logger } from '@hyperswap/telemetry';
import { ownsArrays } from './preparation-handler.js';
import { preparationKind } from './preparation-kind.js';
import type { OpenUpload, Uploads } from './uploads.js';

/** Interval between two sweeps of a process, with jitter. */
const sweepMilliseconds = 300_000;
/**
 * Number of sweeps between two that also look for orphaned arrays. The second sweep is the first of these, so a short
 * command does none.
 */
const arraysEvery = 12;

export interface SweepContext {
  readonly store: ObjectStore;
  readonly uploads: Uploads;
  readonly runner: JobRunner;
  readonly logger: Logger;
  /** Milliseconds that an interrupted upload is kept. */
  readonly keepMilliseconds: number;
  /** Deletes an upload with its rows. */
  readonly remove: (upload: OpenUpload) => Promise<void>;
}

/** Deletes uploads that no client continued. */
async function sweepUploads({ uploads, keepMilliseconds, remove }: SweepContext): Promise<void> {
  for (const upload of await uploads.list()) {
    if (upload.changedAt.getTime() + keepMilliseconds <= Date.now()) await remove(upload);
  }
}

/**
 * Deletes arrays that belong to no upload, no preparation and no scene: those of a process that was killed. An upload
 * becomes a job before its record is deleted, and a job writes its scene before it ends. The sweep looks for them in
 * this order, so that it misses nothing.
 */
async function sweepArrays({
  store,
  uploads,
  runner,
}: Pick<SweepContext, 'store' | 'uploads' | 'runner'>): Promise<void> {
  const objects = await store.list(arraysRoot);
  const places = new Map<string, readonly [scene: string, id: string]>();
  for (const { key } of objects) {
    const [scene, id] = key.slice(arraysRoot.length).split('/');
    if (scene !== undefined && id !== undefined) places.set(arraysPrefix(scene, id), [scene, id]);
  }
  for (const [arrays, [scene, id]] of places) {
    if ((await uploads.find(id)) !== undefined) continue;
    const job = await runner.get(preparationKind, id).catch((error: unknown) => {
      if (HyperswapError.is(error, 'JOB_NOT_FOUND')) return undefined;
      throw error;
    });
    if (job !== undefined && !hasEnded(job.status)) continue;
    if (!(await ownsArrays(store, scene, arrays))) await deleteArrays(store, arrays);
  }
}

/** Starts the sweeps. @returns a function that stops them, and resolves when no deletion is in progress */
export function startSweep(context: SweepContext): () => Promise<void> {
  let sweeps = 0;
  const sweep = async (): Promise<void> => {
    try {
      await sweepUploads(context);
      if (sweeps++ % arraysEvery === 1) await sweepArrays(context);
    } catch (error) {
      context.logger.warn({ err: error }, 'uploads could not be swept');
    }
  };
  let current = sweep();
  const timer = setInterval(
    () => {
      current = current.then(sweep);
    },
    sweepMilliseconds * (0.75 + 0.5 * Math.random()),
  );
  timer.unref();
  return () => {
    clearInterval(timer);
    return current;
  };
}
