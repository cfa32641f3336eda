import { failure, isObjectKey } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
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
  const found = (await store.list(object)).find((stored) => stored.key === object);
  if (found === undefined) {
    throw failure('SCENE_SOURCE_UNREADABLE', { source: name, reason: `the store has no object ${object}` });
  }
  return {
    name,
    size: found.bytes,
    read: async (offset, length) => {
      const bytes = new Uint8Array(await store.getRange(object, offset, length));
      if (bytes.byteLength === length) return bytes;
      const reason = `the store returns ${bytes.byteLength} of ${length} bytes`;
      throw failure('SCENE_SOURCE_UNREADABLE', { source: name, reason });
    },
  };
}
