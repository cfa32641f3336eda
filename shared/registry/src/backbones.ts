import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { failure, validateName } from '@hyperswap/errors';
import { pretrainedDirectory, readBackbone, type Backbone } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';

/** What a backbone consists of. */
const files = ['config.json', 'model.safetensors'] as const;

export type BackboneFiles = Readonly<Record<(typeof files)[number], Uint8Array>>;

/** The files of a backbone in the store. @throws OBJECT_NOT_FOUND, OBJECT_DAMAGED */
export async function readBackboneFiles(store: ObjectStore, name: string): Promise<BackboneFiles> {
  const prefix = `backbones/${validateName('Backbone name', name)}`;
  const [config, model] = await Promise.all(files.map((file) => store.get(`${prefix}/${file}`)));
  return { 'config.json': config!, 'model.safetensors': model! };
}

/** Keeps a backbone's files. The config is written last: a backbone is there when its config is. */
export async function storeBackboneFiles(store: ObjectStore, name: string, content: BackboneFiles): Promise<void> {
  for (const file of files.toReversed()) await store.put(`backbones/${name}/${file}`, content[file]);
}

/** Names of the backbones that ship with hyperswap and of those in the store. */
export async function listBackbones(store: ObjectStore): Promise<string[]> {
  const shipped = await readdir(pretrainedDirectory).catch(() => [] as string[]);
  const stored = (await store.list('backbones/')).map(({ key }) => key.split('/')[1]!);
  return [...new Set([...shipped, ...stored])].sort();
}

/**
 * A backbone by name, out of the store, else of those that ship with hyperswap.
 *
 * @throws BACKBONE_NOT_FOUND, BACKBONE_INVALID, OBJECT_DAMAGED
 */
export async function findBackbone(store: ObjectStore, name: string): Promise<Backbone> {
  validateName('Backbone name', name);
  if (await store.has(`backbones/${name}/${files[0]}`)) {
    const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-backbone-'));
    try {
      const content = await readBackboneFiles(store, name);
      for (const file of files) await writeFile(path.join(directory, file), content[file]);
      return await readBackbone(name, directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  const available = await listBackbones(store);
  if (!available.includes(name)) {
    throw failure('BACKBONE_NOT_FOUND', { backbone: name, available: available.join(', ') || 'none' });
  }
  return readBackbone(name, path.join(pretrainedDirectory, name));
}
