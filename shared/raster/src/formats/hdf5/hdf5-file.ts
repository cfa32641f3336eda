import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { failure, restoreError } from '@hyperswap/errors';
import type { NumericArray } from '../../array.js';
import type { RandomAccess } from '../../source/random-access.js';
import type { Hdf5Answer, Hdf5Attributes, Hdf5Dataset, Hdf5Order, Hdf5Reply } from './messages.js';

/** Timeout for loading the library, on a busy machine. */
const startMilliseconds = 60_000;
/** Timeout of the list of contents: an intact file answers at once. */
const openMilliseconds = 4000;
/** Timeout of one read: a few rows, also from a slow disk. */
const readMilliseconds = 60_000;
const copyBytes = 4 * 1024 ** 2;
/** Files without a path on this machine are copied, up to this size. */
const maximumCopiedBytes = 2 ** 31;

/** HDF5 file, read in a thread of its own, which ends with it. */
export class Hdf5File {
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly name: string,
    private readonly worker: Worker,
    private readonly copy: string | undefined,
    readonly datasets: readonly Hdf5Dataset[],
  ) {}

  /** @throws FILE_FORMAT */
  static async open(source: RandomAccess): Promise<Hdf5File> {
    const copy = source.path === undefined ? await copyOf(source) : undefined;
    const file = copy === undefined ? source.path! : path.join(copy, 'file.h5');
    // The library writes its own reports of errors to standard error.
    const worker = new Worker(new URL('./hdf5-thread.js', import.meta.url), { stderr: true, stdout: true });
    worker.on('error', () => undefined);
    try {
      await answerOf(source.name, worker, startMilliseconds);
      worker.postMessage({ kind: 'open', path: file, file: source.name } satisfies Hdf5Order);
      const datasets = (await answerOf(source.name, worker, openMilliseconds)) as readonly Hdf5Dataset[];
      return new Hdf5File(source.name, worker, copy, datasets);
    } catch (error) {
      await worker.terminate();
      if (copy !== undefined) await rm(copy, { recursive: true, force: true });
      throw error;
    }
  }

  find(dataset: string): Hdf5Dataset | undefined {
    return this.datasets.find(({ path: own }) => own === dataset);
  }

  /** Reads attributes of a dataset, or with an empty path of the file; those that are missing are left out. */
  async attributes(dataset: string, names: readonly string[]): Promise<Hdf5Attributes> {
    return (await this.ask({ kind: 'attributes', path: dataset, names })) as Hdf5Attributes;
  }

  /** Reads a box of values, row-major. @throws FILE_FORMAT */
  async read(dataset: string, start: readonly number[], count: readonly number[]): Promise<NumericArray> {
    return (await this.ask({ kind: 'read', path: dataset, start, count })) as NumericArray;
  }

  /** Reads a whole dataset of one dimension. @throws FILE_FORMAT when it is none */
  async list(dataset: string): Promise<number[]> {
    const found = this.find(dataset);
    if (found?.shape.length !== 1 || found.type === undefined)
      throw this.invalid(`it has no list of numbers ${dataset}`);
    return [...(await this.read(dataset, [0], found.shape))];
  }

  async close(): Promise<void> {
    await this.worker.terminate();
    if (this.copy !== undefined) await rm(this.copy, { recursive: true, force: true });
  }

  invalid(reason: string): Error {
    return failure('FILE_FORMAT', { file: this.name, expected: 'HDF5', reason });
  }

  private ask(order: Hdf5Order): Promise<Hdf5Answer> {
    const answer = this.turn.then(() => {
      this.worker.postMessage(order);
      return answerOf(this.name, this.worker, readMilliseconds);
    });
    this.turn = answer.catch(() => undefined);
    return answer;
  }
}

/** The thread's next answer. @throws FILE_FORMAT when it fails, ends, or takes too long */
function answerOf(file: string, worker: Worker, milliseconds: number): Promise<Hdf5Answer> {
  return new Promise((resolve, reject) => {
    const invalid = (reason: string): Error => failure('FILE_FORMAT', { file, expected: 'HDF5', reason });
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onEnd).off('exit', onEnd);
      finish();
    };
    const onMessage = (message: Hdf5Reply | 'ready'): void => {
      settle(() => {
        if (message === 'ready') resolve([]);
        else if ('answer' in message) resolve(message.answer);
        else reject(restoreError(message.error));
      });
    };
    const onEnd = (): void => {
      settle(() => {
        reject(invalid('the HDF5 library failed on it'));
      });
    };
    const timer = setTimeout(() => {
      settle(() => {
        void worker.terminate();
        reject(invalid(`the HDF5 library took more than ${milliseconds / 1000} s; it may be damaged`));
      });
    }, milliseconds);
    worker.on('message', onMessage).on('error', onEnd).on('exit', onEnd);
  });
}

/** Copies a file that has no path into a folder of its own. */
async function copyOf(source: RandomAccess): Promise<string> {
  if (source.size > maximumCopiedBytes) {
    throw failure('FILE_FORMAT', {
      file: source.name,
      expected: 'HDF5',
      reason: `it has more than ${maximumCopiedBytes} bytes and no path`,
    });
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'hyperswap-hdf5-'));
  const handle = await open(path.join(folder, 'file.h5'), 'w');
  try {
    for (let offset = 0; offset < source.size; offset += copyBytes) {
      await handle.write(await source.read(offset, Math.min(copyBytes, source.size - offset)));
    }
  } finally {
    await handle.close();
  }
  return folder;
}
