import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { throwIfAborted } from '@hyperswap/errors';
import type { NumericArray } from '@hyperswap/raster';
import { CovarianceAccumulator, type CovarianceSums } from './covariance.js';
import { principalComponents, type Pca } from './pca.js';

/** Of a block that is summed by itself: about 10 ms of work at 200 bands. */
const blockValues = 500_000;
/** Products of pixels · bands², twice those of Indian Pines: below that, 0.2 s of work, a thread takes about as long to start as it saves. */
const worthThreads = 2e9;

export interface PcaOptions {
  readonly signal?: AbortSignal | undefined;
  /** Is told the share that is done. */
  readonly onProgress?: (fraction: number) => void;
  /** @default as many as there are processors; one where pixels are few */
  readonly threads?: number;
}

/**
 * The principal components of pixels, summed in threads; this one stays free for other calls. The blocks and
 * the order in which they are added do not depend on the threads, so that the result is the same to the last bit on any machine.
 *
 * @param values `[pixels, bands]` row by row
 * @param components how many, at most the number of bands
 * @throws CANCELLED
 */
export async function fitPca(
  values: NumericArray,
  bands: number,
  components: number,
  { signal, onProgress, threads = values.length * bands < worthThreads ? 1 : availableParallelism() }: PcaOptions = {},
): Promise<Pca> {
  const shift = Float64Array.from(values.subarray(0, bands));
  const total = new CovarianceAccumulator(shift);
  const length = Math.max(1, Math.floor(blockValues / bands)) * bands;
  const blocks = Math.ceil(values.length / length);
  const done = new Map<number, CovarianceSums>();
  let taken = 0;
  let merged = 0;
  const sumBlocks = async (sum: (block: NumericArray) => Promise<CovarianceSums>): Promise<void> => {
    while (taken < blocks) {
      throwIfAborted(signal, 'Preparing the scene');
      const index = taken++;
      done.set(index, await sum(values.subarray(index * length, (index + 1) * length)));
      for (let next; (next = done.get(merged)) !== undefined; merged++) {
        total.merge(next);
        done.delete(merged);
      }
      onProgress?.(merged / blocks);
    }
  };
  const here = (block: NumericArray): Promise<CovarianceSums> => setImmediate(CovarianceAccumulator.of(block, shift));
  const workers = Array.from({ length: threads - 1 }, () => new CovarianceWorker(shift));
  try {
    // Each has a second block waiting, which it begins while this thread is busy with its own.
    await Promise.all(
      [...workers, ...workers].map((worker) => sumBlocks((block) => worker.sum(block))).concat(sumBlocks(here)),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
  return principalComponents(total, components);
}

interface Waiting {
  readonly resolve: (sums: CovarianceSums) => void;
  readonly reject: (error: unknown) => void;
}

/** A thread that sums blocks, one after another. */
class CovarianceWorker {
  private readonly worker: Worker;
  private readonly waiting: Waiting[] = [];

  constructor(shift: Float64Array) {
    this.worker = new Worker(new URL('./covariance-worker.js', import.meta.url), { workerData: { shift } });
    this.worker.on('message', (sums: CovarianceSums) => this.waiting.shift()?.resolve(sums));
    this.worker.on('error', (error) => {
      for (const { reject } of this.waiting) reject(error);
    });
  }

  sum(block: NumericArray): Promise<CovarianceSums> {
    // A copy: of a view the whole buffer beneath it would be cloned.
    this.worker.postMessage(block.slice());
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  async stop(): Promise<void> {
    await this.worker.terminate();
  }
}
