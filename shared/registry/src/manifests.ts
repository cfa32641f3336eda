import { failure } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import { LRUCache } from 'lru-cache';
import type { VersionState } from './adapter-state.js';
import { manifestKey, parseManifest, type Manifest } from './manifest.js';

/** Far above what the metadata of a blob, whose header has at most 1 MiB, can make. */
const maximumManifestBytes = 4 * 1024 * 1024;
/** Memory for manifests, in bytes. Those of an Indian Pines adapter take some 20 kB. */
const cachedBytes = 64 * 1024 * 1024;
/** Bytes in memory by byte of JSON: a list of zeros takes the most, 8 bytes for the two of `0,`. */
const memoryFactor = 4;

/** Manifests of versions. They never change, so that those read once need not be read again. */
export class Manifests {
  /** By key and digest: a name that was deleted with its store may be given to another blob. */
  private readonly cache = new LRUCache<string, { readonly manifest: Manifest; readonly bytes: number }>({
    maxSize: cachedBytes,
    sizeCalculation: ({ bytes }) => memoryFactor * bytes,
  });

  constructor(private readonly store: ObjectStore) {}

  /**
   * The manifest of a version, and the bytes of its JSON.
   *
   * @throws OBJECT_NOT_FOUND, OBJECT_DAMAGED
   */
  async read(
    name: string,
    { version, digest }: VersionState,
  ): Promise<{ readonly manifest: Manifest; readonly bytes: number }> {
    const key = manifestKey(name, version);
    const known = this.cache.get(`${key} ${digest}`);
    if (known !== undefined) return known;
    const [object] = await this.store.list(key);
    if (object?.key === key && object.bytes > maximumManifestBytes) {
      const reason = `it has ${object.bytes} bytes, more than the ${maximumManifestBytes} allowed`;
      throw failure('OBJECT_DAMAGED', { key, reason });
    }
    const content = await this.store.get(key);
    const found = { manifest: parseManifest(key, content), bytes: content.byteLength };
    this.cache.set(`${key} ${digest}`, found);
    return found;
  }
}
