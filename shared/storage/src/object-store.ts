/** Store of blobs: MinIO in a fleet, a directory on a laptop. One contract test holds for every implementation. */

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

/** Metadata of an object. */
export interface ObjectFacts {
  readonly bytes: number;
  /** Changes with the content: an entity tag, or the time and place of a file. */
  readonly version: string;
}

export interface PutOptions {
  /** Refuses to replace an object that is there. @default false */
  readonly onlyIfAbsent?: boolean;
}

/**
 * Objects by key. `validateObjectKey` of `@hyperswap/errors` says which keys there are; every method throws
 * NAME_INVALID for others, so that no key leaves the store. Writes are atomic: readers see the old object or the new
 * one.
 */
export interface ObjectStore {
  /** In words, for `doctor`. */
  readonly description: string;
  /**
   * @throws OBJECT_EXISTS when `onlyIfAbsent` and the key is taken; STORE_FULL, STORE_UNREACHABLE; nothing changes then
   */
  put(key: string, content: Uint8Array, options?: PutOptions): Promise<void>;
  /** Does the same as `put` with the content of a file, which is streamed. @throws as `put`; FILE_UNREADABLE */
  putFile(key: string, file: string, options?: PutOptions): Promise<void>;
  /** @throws OBJECT_NOT_FOUND, OBJECT_DAMAGED when the content is not what was written, STORE_UNREACHABLE */
  get(key: string): Promise<Buffer>;
  /** Does the same as `get`, streamed into a file. An incomplete file is deleted. */
  getFile(key: string, file: string): Promise<void>;
  /** Part of an object; not checked against its checksum, which covers the whole. @throws OBJECT_NOT_FOUND */
  getRange(key: string, offset: number, length: number): Promise<Buffer>;
  has(key: string): Promise<boolean>;
  /** @throws OBJECT_NOT_FOUND */
  describe(key: string): Promise<ObjectFacts>;
  /**
   * Objects whose key begins with `prefix`, by key. Objects of other programs, whose names are not keys, are left out.
   *
   * @param prefix empty, or a key, perhaps with `/` at its end
   */
  list(prefix: string): Promise<StoredObject[]>;
  /** Deletes an object. A missing object is not an error. */
  delete(key: string): Promise<void>;
  /**
   * Probes the store once, without retries.
   *
   * @param milliseconds timeout of the answer
   * @throws STORE_UNREACHABLE, STORE_REFUSED
   */
  probe(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}
