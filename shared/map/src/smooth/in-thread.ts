import { Worker } from 'node:worker_threads';

/** Messages of a thread: progress, then the result. */
export type ThreadNews<Result> = { readonly done: number; readonly total: number } | { readonly result: Result };

/** Waiting for a thread. */
export interface ThreadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Runs work in a thread of its own that ends with the work, so that the caller's thread stays free.
 *
 * @param file of the thread
 * @param order the thread's `workerData`
 * @throws the signal's reason; the thread ends at once then
 */
export async function inThread<Result>(
  file: URL,
  order: unknown,
  { signal, onProgress }: ThreadOptions,
): Promise<Result> {
  signal?.throwIfAborted();
  const worker = new Worker(file, { workerData: order });
  let abort: () => void = () => undefined;
  try {
    return await new Promise<Result>((resolve, reject) => {
      abort = () => {
        reject(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort, { once: true });
      worker.on('message', (news: ThreadNews<Result>) => {
        if ('result' in news) resolve(news.result);
        else onProgress?.(news.done, news.total);
      });
      worker.once('error', reject);
      worker.once('exit', (code) => {
        reject(new Error(`the thread of ${file.pathname} ended with code ${code}`));
      });
    });
  } finally {
    signal?.removeEventListener('abort', abort);
    await worker.terminate();
  }
}
