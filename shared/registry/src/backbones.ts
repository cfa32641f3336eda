import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { validateName, failure } from '@hyperswap/errors';
import { pretrainedDirectory, readBackbone, type Backbone } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';

/** What a backbone consists of. */
export const backboneFiles = ['config.json', 'model.safetensors'] as const;

function objectKey(name: string, file: (typeof backboneFiles)[number]): string {
  return `backbones/${validateName('Backbone name', name)}/${file}`;
}

/** Copies the files of a stored backbone into a folder. @throws OBJECT_NOT_FOUND, OBJECT_DAMAGED */
export async function fetchBackboneFiles(store: ObjectStore, name: string, directory: string): Promise<void> {
  for (const file of backboneFiles) await store.getFile(objectKey(name, file), path.join(directory, file));
}

/** Keeps a backbone's files out of a folder. The config is written last: a backbone is there when its config is. */
export async function storeBackboneFiles(store: ObjectStore, name: string, directory: string): Promise<void> {
  for (const file of backboneFiles.toReversed()) await store.putFile(objectKey(name, file), path.join(directory, file));
}

/** Whether the store holds a backbone of that name. */
export async function hasBackbone(store: ObjectStore, name: string): Promise<boolean> {
  return store.has(objectKey(name, 'config.json'));
}

/** Names of the backbones that ship with hyperswap and of those in the store. */
export async function listBackbones(store: ObjectStore): Promise<string[]> {
  const entries = await readdir(pretrainedDirectory, { withFileTypes: true }).catch(() => []);
  const shipped = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const stored = (await store.list('backbones/')).map(({ key }) => key.split('/')[1]!);
  return [...new Set([...shipped, ...stored])].sort();
}

/**
 * Runs a function on a backbone by name, out of the store, else of those that ship with hyperswap. Its file is there for so long.
 *
 * @throws BACKBONE_NOT_FOUND, BACKBONE_INVALID, OBJECT_DAMAGED
 */
export async function withBackbone<Result>(
  store: ObjectStore,
  name: string,
  use: (backbone: Backbone) => Promise<Result>,
): Promise<Result> {
  if (await hasBackbone(store, name)) {
    const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-backbone-'));
    try {
      await fetchBackboneFiles(store, name, directory);
      return await use(await readBackbone(name, directory));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  const available = await listBackbones(store);
  if (!available.includes(name)) {
    throw failure('BACKBONE_NOT_FOUND', { backbone: name, available: available.join(', ') || 'none' });
  }
  return use(await readBackbone(name, path.join(pretrainedDirectory, name)));
}
