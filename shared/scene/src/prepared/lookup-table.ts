import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { failure } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import { getPart, lookupChunkRows, lookupKey, type MapSize } from './scene-arrays.js';

/**
 * Reads a chunk of a lookup table.
 *
 * @returns pixel on each cell of its full rows (row · width + column), -1 where there is none
 * @throws OBJECT_DAMAGED
 */
export async function readLookupChunk(
  store: ObjectStore,
  arrays: string,
  table: MapSize,
  chunk: number,
): Promise<Int32Array> {
  const key = lookupKey(arrays, chunk);
  const bytes = 4 * table.width * lookupChunkRows(table);
  const damaged = (reason: string, cause?: unknown): Error => failure('OBJECT_DAMAGED', { key, reason }, cause);
  const content = await promisify(gunzip)(await getPart(store, key), { maxOutputLength: bytes + 1 }).catch(
    (error: unknown) => {
      throw damaged('it cannot be decompressed', error);
    },
  );
  if (content.byteLength !== bytes) throw damaged(`it holds ${content.byteLength} bytes, not ${bytes}`);
  return new Int32Array(new Uint8Array(content).buffer);
}
