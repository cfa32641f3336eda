import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { failure, HyperswapError, toHyperswapError } from '@hyperswap/errors';
import { pretrainedDirectory, readBackbone, type Backbone, type BackboneDescription } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';
import {
  backboneFiles,
  backboneKey,
  manifestFile,
  readBackboneManifest,
  writeBackboneManifest,
} from './backbone-manifest.js';
import { FolderCache, type HeldFolder } from './folder-cache.js';

/** Default limit of fetched backbones on disk, in bytes. */
const defaultCacheBytes = 4 * 1024 ** 3;

/** Some backbones, and those whose manifests cannot be read. */
export interface DescribedBackbones {
  readonly described: readonly BackboneDescription[];
  readonly damaged: readonly { readonly name: string; readonly error: HyperswapError }[];
}

/**
 * Registry of backbones: those that ship with hyperswap, and those of the store. Manifests describe them. Weights are
 * read only where they are used, and are cached in a folder of this process.
 */
export class Backbones {
  private readonly cache: FolderCache;
  /** Manifests that are being created, by name. */
  private readonly making = new Map<string, Promise<BackboneDescription>>();

  constructor(
    private readonly store: ObjectStore,
    { cacheBytes = defaultCacheBytes }: { readonly cacheBytes?: number } = {},
  ) {
    this.cache = new FolderCache(cacheBytes);
  }

  /** Names in order. */
  async names(): Promise<string[]> {
    const stored = (await this.store.list('backbones/')).map(({ key }) => key.split('/')[1]!);
    return [...new Set([...(await shippedNames()), ...stored])].sort();
  }

  /**
   * Describes a backbone by its manifest alone. A backbone from a release without manifests gets one now, from its
   * weights.
   *
   * @throws NAME_INVALID, BACKBONE_NOT_FOUND, OBJECT_DAMAGED, BACKBONE_INVALID
   */
  async describe(name: string): Promise<BackboneDescription> {
    const found = (await this.stored(name)) ?? (await shipped(name));
    if (found !== undefined) return found;
    const available = await this.names();
    throw failure('BACKBONE_NOT_FOUND', { backbone: name, available: available.join(', ') || 'none' });
  }

  /** Describes many backbones. A failure affects only its own entry. */
  async describeAll(names: readonly string[]): Promise<DescribedBackbones> {
    const described: BackboneDescription[] = [];
    const damaged: { name: string; error: HyperswapError }[] = [];
    const all = await Promise.allSettled(names.map((name) => this.describe(name)));
    for (const [index, settled] of all.entries()) {
      if (settled.status === 'fulfilled') described.push(settled.value);
      else damaged.push({ name: names[index]!, error: toHyperswapError(settled.reason) });
    }
    return { described, damaged };
  }

  /** Returns true if the store holds a backbone of that name. */
  async isStored(name: string): Promise<boolean> {
    return this.store.has(backboneKey(name, 'config.json'));
  }

  /**
   * Runs a function on a backbone by name, out of the store, else of those that ship with hyperswap. Its file exists
   * until the function ends.
   *
   * @throws BACKBONE_NOT_FOUND, BACKBONE_INVALID, OBJECT_DAMAGED when the weights are not those of the manifest
   */
  async use<Result>(name: string, use: (backbone: Backbone) => Promise<Result>): Promise<Result> {
    const description = await this.describe(name);
    if (!(await this.isStored(name))) {
      const directory = path.join(pretrainedDirectory, name);
      return use(requireDigest(await readBackbone(name, directory), description, directory));
    }
    const folder = await this.fetched(description);
    try {
      return await use({ ...description, weights: path.join(folder.directory, 'model.safetensors') });
    } finally {
      await folder.release();
    }
  }

  /**
   * A folder with the files of a backbone and its manifest.
   *
   * @throws BACKBONE_NOT_FOUND, BACKBONE_INVALID, OBJECT_DAMAGED
   */
  async acquireFiles(name: string): Promise<HeldFolder> {
    const description = await this.describe(name);
    if (await this.isStored(name)) return this.fetched(description);
    return { directory: path.join(pretrainedDirectory, name), release: () => Promise.resolve() };
  }

  /**
   * Keeps the files of a checked backbone. The config makes it exist and the manifest makes it visible, so they are
   * written last.
   *
   * @param directory with the files that `backbone` was read from
   */
  async keep(backbone: BackboneDescription, directory: string): Promise<void> {
    const { name } = backbone;
    // The manifest of a replaced backbone is deleted first, so that no reader takes it for the new one's.
    await this.store.delete(backboneKey(name, manifestFile));
    for (const file of backboneFiles.toReversed()) {
      await this.store.putFile(backboneKey(name, file), path.join(directory, file));
    }
    await this.store.put(backboneKey(name, manifestFile), writeBackboneManifest(backbone));
  }

  /** Removes what was fetched. */
  async close(): Promise<void> {
    await this.cache.close();
  }

  private fetched(description: BackboneDescription): Promise<HeldFolder> {
    const { name, digest } = description;
    return this.cache.acquire(digest, async (directory) => {
      await this.fetch(name, directory);
      requireDigest(await readBackbone(name, directory), description, backboneKey(name, 'model.safetensors'));
      await writeFile(path.join(directory, manifestFile), writeBackboneManifest(description));
    });
  }

  private async fetch(name: string, directory: string): Promise<void> {
    for (const file of backboneFiles) await this.store.getFile(backboneKey(name, file), path.join(directory, file));
  }

  private async stored(name: string): Promise<BackboneDescription | undefined> {
    const key = backboneKey(name, manifestFile);
    try {
      return readBackboneManifest(name, key, await this.store.get(key));
    } catch (error) {
      if (!HyperswapError.is(error, 'OBJECT_NOT_FOUND')) throw error;
    }
    if (!(await this.isStored(name))) return undefined;
    const making = this.making.get(name) ?? this.makeManifest(name).finally(() => this.making.delete(name));
    this.making.set(name, making);
    return making;
  }

  private async makeManifest(name: string): Promise<BackboneDescription> {
    const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-backbone-'));
    try {
      await this.fetch(name, directory);
      const { config, digest, weightsDigest, parameters } = await readBackbone(name, directory);
      const described = { name, config, digest, weightsDigest, parameters };
      await this.store.put(backboneKey(name, manifestFile), writeBackboneManifest(described));
      return described;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

/** @throws OBJECT_DAMAGED when a backbone is not the one that was described */
function requireDigest(backbone: Backbone, { digest }: BackboneDescription, key: string): Backbone {
  if (backbone.digest === digest) return backbone;
  throw failure('OBJECT_DAMAGED', { key, reason: `its digest is ${backbone.digest}, the manifest says ${digest}` });
}

async function shippedNames(): Promise<string[]> {
  const entries = await readdir(pretrainedDirectory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function shipped(name: string): Promise<BackboneDescription | undefined> {
  if (!(await shippedNames()).includes(name)) return undefined;
  const file = path.join(pretrainedDirectory, name, manifestFile);
  const content = await readFile(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
  return readBackboneManifest(name, file, content);
}
