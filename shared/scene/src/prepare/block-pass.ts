import { throwIfAborted } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import type { SceneLayout } from '../layout.js';
import { blockKey, getPart } from '../prepared/scene-arrays.js';
import type { WorkerThread } from '../threads/worker-thread.js';
import type { PreparationOperations, StoredBlock } from './preparation-thread.js';

export type PreparationThread = WorkerThread<PreparationOperations>;

/** Blocks of a scene, as they were uploaded. */
export interface BlockSource {
  readonly layout: SceneLayout;
  /** @throws OBJECT_DAMAGED when it is missing */
  read(block: number): Promise<StoredBlock>;
}

/** Returns the blocks of arrays in a store. */
export function storedBlocks(store: ObjectStore, arrays: string, layout: SceneLayout): BlockSource {
  return {
    layout,
    read: async (block) => {
      const key = blockKey(arrays, block);
      return { block, key, stored: await getPart(store, key) };
    },
  };
}

/** One pass over the blocks of a scene. */
export interface BlockPass {
  /** Groups of blocks: those of a group go to the same thread, in their order. */
  readonly groups: readonly (readonly number[])[];
  readonly threads: readonly PreparationThread[];
  readonly signal: AbortSignal | undefined;
  /** Processes a block while the next one is read. */
  readonly use: (thread: PreparationThread, given: StoredBlock, group: number) => Promise<void>;
  /** Called after each block. */
  readonly onBlock: () => void;
}

/**
 * Reads the blocks of a scene once, each thread a group at a time.
 *
 * @throws OBJECT_DAMAGED, CANCELLED, errors of `use`
 */
export async function passOverBlocks(source: BlockSource, pass: BlockPass): Promise<void> {
  const { groups, threads, signal, use, onBlock } = pass;
  let nextGroup = 0;
  let hasFailed = false;
  const work = async (thread: PreparationThread): Promise<void> => {
    for (let group; (group = nextGroup++) < groups.length;) {
      const blocks = groups[group]!;
      let coming = ahead(source.read(blocks[0]!));
      for (let i = 0; i < blocks.length; i++) {
        throwIfAborted(signal, 'The preparation');
        const given = await coming;
        const next = blocks[i + 1];
        if (next !== undefined) coming = ahead(source.read(next));
        if (hasFailed) return;
        await use(thread, given, group);
        onBlock();
      }
    }
  };
  const results = await Promise.allSettled(
    threads.map((thread) =>
      work(thread).catch((error: unknown) => {
        hasFailed = true;
        throw error;
      }),
    ),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Starts a read ahead of its use. A failure is reported to the later wait, and not as an unhandled rejection. */
function ahead<Value>(reading: Promise<Value>): Promise<Value> {
  reading.catch(() => undefined);
  return reading;
}
