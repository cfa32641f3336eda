import type { ObjectStore } from '@hyperswap/storage';
import { HyperswapError } from '@hyperswap/errors';
import type { AbsolutePath } from 'zarrita';

/** An object store under a prefix, as zarrita asks for one. */
export class ZarrStore {
  constructor(
    private readonly store: ObjectStore,
    private readonly prefix: string,
  ) {}

  async get(key: AbsolutePath): Promise<Uint8Array | undefined> {
    try {
      return await this.store.get(`${this.prefix}${key}`);
    } catch (error) {
      if (HyperswapError.is(error, 'OBJECT_NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async set(key: AbsolutePath, value: Uint8Array): Promise<void> {
    await this.store.put(`${this.prefix}${key}`, value);
  }
}
