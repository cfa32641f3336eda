import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { failure } from '@hyperswap/errors';
import type { ObjectFacts, ObjectStore, PutOptions, StoredObject } from '@hyperswap/storage';

/** Objects in the memory of this process: a benchmark of arithmetic should not measure a disk. */
export class MemoryStore implements ObjectStore {
  readonly description = 'memory';
  private readonly objects = new Map<string, Buffer>();

  put(key: string, content: Uint8Array, { onlyIfAbsent = false }: PutOptions = {}): Promise<void> {
    if (onlyIfAbsent && this.objects.has(key)) return Promise.reject(failure('OBJECT_EXISTS', { key }));
    this.objects.set(key, Buffer.from(content));
    return Promise.resolve();
  }

  async putFile(key: string, file: string, options?: PutOptions): Promise<void> {
    await this.put(key, await readFile(file), options);
  }

  get(key: string): Promise<Buffer> {
    const found = this.objects.get(key);
    return found === undefined ? Promise.reject(failure('OBJECT_NOT_FOUND', { key })) : Promise.resolve(found);
  }

  async getFile(key: string, file: string): Promise<void> {
    await writeFile(file, await this.get(key));
  }

  async getRange(key: string, offset: number, length: number): Promise<Buffer> {
    return (await this.get(key)).subarray(offset, offset + length);
  }

  has(key: string): Promise<boolean> {
    return Promise.resolve(this.objects.has(key));
  }

  async describe(key: string): Promise<ObjectFacts> {
    const content = await this.get(key);
    return { bytes: content.byteLength, version: createHash('sha256').update(content).digest('hex') };
  }

  list(prefix: string): Promise<StoredObject[]> {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    return Promise.resolve(keys.map((key) => ({ key, bytes: this.objects.get(key)!.byteLength })));
  }

  delete(key: string): Promise<void> {
    this.objects.delete(key);
    return Promise.resolve();
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
