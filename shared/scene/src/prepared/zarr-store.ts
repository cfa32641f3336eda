import type { ObjectStore } from '@hyperswap/storage';
import { failure, HyperswapError } from '@hyperswap/errors';
import type { AbsolutePath } from 'zarrita';

/** An object store under a prefix, as zarrita asks for one. */
export class ZarrStore {
  constructor(
    private readonly store: ObjectStore,
    private readonly prefix: string,
    /** `complete`: all chunks were written, and a missing one is damage. Otherwise a missing chunk reads as zeros. */
    private readonly content: 'complete' | 'growing' = 'growing',
  ) {}

  /** @throws OBJECT_DAMAGED when a part of what is complete is missing */
  async get(key: AbsolutePath): Promise<Uint8Array | undefined> {
    const object = `${this.prefix}${key}`;
    try {
      return await this.store.get(object);
    } catch (error) {
      if (!HyperswapError.is(error, 'OBJECT_NOT_FOUND')) throw error;
      if (this.content === 'growing') return undefined;
      throw failure('OBJECT_DAMAGED', { key: object, reason: 'it is missing' }, error);
    }
  }

  async set(key: AbsolutePath, value: Uint8Array): Promise<void> {
    await this.store.put(`${this.prefix}${key}`, value);
  }
}
