/** Store of blobs: MinIO in a fleet, a directory on a laptop. One contract test holds for every implementation. */

export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
}

/** An object without its content. */
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
 * NAME_INVALID for others, so that no key leaves the store. A write is whole or not at all: readers see the old object
 * or the new one.
 */
export interface ObjectStore {
  /** In words, for `doctor`. */
  readonly description: string;
  /**
   * @throws OBJECT_EXISTS when `onlyIfAbsent` and the key is taken; STORE_FULL, STORE_UNREACHABLE; nothing changes then
   */
  put(key: string, content: Uint8Array, options?: PutOptions): Promise<void>;
  /** As `put`, of a file's content, which is streamed. @throws as `put`; FILE_UNREADABLE */
  putFile(key: string, file: string, options?: PutOptions): Promise<void>;
  /** @throws OBJECT_NOT_FOUND, OBJECT_DAMAGED when the content is not what was written, STORE_UNREACHABLE */
  get(key: string): Promise<Buffer>;
  /** As `get`, streamed into a file; a file that is not whole is not left behind. */
  getFile(key: string, file: string): Promise<void>;
  /** Part of an object; not checked against its checksum, which covers the whole. @throws OBJECT_NOT_FOUND */
  getRange(key: string, offset: number, length: number): Promise<Buffer>;
  has(key: string): Promise<boolean>;
  /** @throws OBJECT_NOT_FOUND */
  describe(key: string): Promise<ObjectFacts>;
  /**
   * Objects whose key begins with `prefix`, by key. What others left in the store under names that are no keys is left
   * out.
   *
   * @param prefix empty, or a key, perhaps with `/` at its end
   */
  list(prefix: string): Promise<StoredObject[]>;
  /** Removing what is not there is no error. */
  delete(key: string): Promise<void>;
  /**
   * Asks once whether the store answers, without repeating.
   *
   * @param milliseconds that the answer may take
   * @throws STORE_UNREACHABLE, STORE_REFUSED
   */
  probe(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}
