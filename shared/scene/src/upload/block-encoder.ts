import { WorkerThread } from '../threads/worker-thread.js';
import type { EncoderOperations } from './encoder-thread.js';

/** Compresses blocks of bands in a thread of its own, which is started with the first block. */
export class BlockEncoder {
  private thread: WorkerThread<EncoderOperations> | undefined;

  /** Returns a block as it is stored. @param bytes are given away */
  async encode(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    this.thread ??= new WorkerThread(new URL('./encoder-thread.js', import.meta.url));
    return this.thread.call('encode', bytes, [bytes.buffer]);
  }

  async stop(): Promise<void> {
    await this.thread?.stop();
  }
}
