import { failure, HyperswapError, isObjectKey } from '@hyperswap/errors';
import type { ObjectFacts, ObjectStore } from '@hyperswap/storage';
import type { Ranges } from './ranges.js';

/** Beginning of the keys of scenes that operators put into the store. */
const folder = 'uploads/';

/**
 * Opens an object of the store that an operator put there for preparations.
 *
 * @param key without the folder `uploads/`, which no key leaves
 * @throws SCENE_SOURCE_REFUSED, SCENE_SOURCE_UNREADABLE, STORE_UNREACHABLE
 */
export async function openStored(store: ObjectStore, key: string): Promise<Ranges> {
  const name = `store:${key}`;
  const object = `${folder}${key}`;
  if (!isObjectKey(object))
    throw failure('SCENE_SOURCE_REFUSED', { source: name, reason: 'it is no key of an object' });
  const unreadable = (reason: string, cause?: unknown): Error =>
    failure('SCENE_SOURCE_UNREADABLE', { source: name, reason }, cause);
  const describe = (): Promise<ObjectFacts> =>
    store.describe(object).catch((error: unknown) => {
      const isMissing = HyperswapError.is(error, 'OBJECT_NOT_FOUND');
      throw isMissing ? unreadable(`the store has no object ${object}`, error) : error;
    });
  const { bytes: size, version } = await describe();
  return {
    name,
    size,
    version,
    read: async (offset, length) => {
      const bytes = new Uint8Array(await store.getRange(object, offset, length));
      if (bytes.byteLength === length) return bytes;
      throw unreadable(`the store returns ${bytes.byteLength} of ${length} bytes`);
    },
    requireSame: async () => {
      if ((await describe()).version !== version) throw unreadable('it changed while it was read');
    },
    close: () => undefined,
  };
}
