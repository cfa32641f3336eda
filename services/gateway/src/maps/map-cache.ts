/**
 * Cache of maps as files in a temporary folder: written at the first request, evicted when other maps need the space.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { failure, HyperswapError } from '@hyperswap/errors';
import type { SceneJob } from '@hyperswap/proto';
import type { Caller } from './caller.js';
import { writeMap } from './write-map.js';

/** Size limit of the cache in bytes. */
const keptBytes = 8 * 1024 ** 3;
/** Number of maps that are written at the same time. */
const writtenAtOnce = 2;

interface CachedMap {
  readonly directory: string;
  readonly written: Promise<void>;
  readonly stop: AbortController;
  /** Number of requests that read the map or wait for it. */
  users: number;
  bytes: number;
  isWritten: boolean;
}

export class MapCache {
  /** Maps by job and smoothing, least recently used first. */
  private readonly maps = new Map<string, CachedMap>();
  private writing = 0;
  /** Handler for process ends that close nothing. */
  private readonly removeAtExit = (): void => rmSync(this.root, { recursive: true, force: true });

  private constructor(private readonly root: string) {
    process.once('exit', this.removeAtExit);
  }

  /** Makes a folder of its own for the maps. */
  static async open(): Promise<MapCache> {
    return new MapCache(await mkdtemp(path.join(tmpdir(), 'hyperswap-maps-')));
  }

  /**
   * Runs a function with the files of a map. One write serves all requests that wait for the map; it stops when no
   * request waits any more.
   *
   * @param reach pixels that smoothing reaches; 0 for none
   * @throws GATEWAY_BUSY when too many maps are written, and errors of reading the map
   */
  async use(
    job: SceneJob,
    reach: number,
    caller: Caller,
    signal: AbortSignal,
    read: (directory: string) => Promise<void>,
  ): Promise<void> {
    const key = `${job.status!.job}-${reach}`;
    const found = this.maps.get(key) ?? this.begin(key, job, reach, caller);
    this.maps.delete(key);
    this.maps.set(key, found);
    found.users += 1;
    const leave = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(failure('CANCELLED', { what: 'The request' })), { once: true });
    });
    try {
      await Promise.race([found.written, leave]);
      await read(found.directory);
    } finally {
      found.users -= 1;
      if (found.users === 0 && !found.isWritten) found.stop.abort();
      await this.shrink();
    }
  }

  async close(): Promise<void> {
    for (const { stop } of this.maps.values()) stop.abort();
    await Promise.allSettled([...this.maps.values()].map(({ written }) => written));
    process.off('exit', this.removeAtExit);
    await rm(this.root, { recursive: true, force: true });
  }

  private begin(key: string, job: SceneJob, reach: number, caller: Caller): CachedMap {
    if (this.writing >= writtenAtOnce)
      throw failure('GATEWAY_BUSY', { what: `${writtenAtOnce} maps that are written` });
    this.writing += 1;
    const directory = path.join(this.root, key);
    const stop = new AbortController();
    const written = this.write(directory, job, reach, caller, stop.signal).then(
      (bytes) => {
        this.writing -= 1;
        entry.bytes = bytes;
        entry.isWritten = true;
      },
      async (error: unknown) => {
        this.writing -= 1;
        if (this.maps.get(key) === entry) this.maps.delete(key);
        await rm(directory, { recursive: true, force: true });
        throw error;
      },
    );
    // Waiting requests get the error. There may be none left.
    written.catch(() => undefined);
    const entry: CachedMap = { directory, written, stop, users: 0, bytes: 0, isWritten: false };
    return entry;
  }

  private async write(
    directory: string,
    job: SceneJob,
    reach: number,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<number> {
    const scene = await caller.scene(job.scene, signal).catch((error: unknown) => {
      if (HyperswapError.is(error, 'SCENE_NOT_FOUND')) return undefined;
      throw error;
    });
    // A scene that replaced the mapped one may have another georeference.
    const own = scene?.digest === job.sceneDigest || sameSize(job, scene?.raster) ? scene : undefined;
    await writeMap(directory, job, own, caller.rows(job, reach, signal));
    const sizes = await Promise.all((await readdir(directory)).map((name) => stat(path.join(directory, name))));
    return sizes.reduce((sum, { size }) => sum + size, 0);
  }

  /** Evicts maps without readers until the others fit. */
  private async shrink(): Promise<void> {
    let bytes = [...this.maps.values()].reduce((sum, map) => sum + map.bytes, 0);
    for (const [key, map] of this.maps) {
      if (bytes <= keptBytes) return;
      if (map.users > 0 || !map.isWritten) continue;
      this.maps.delete(key);
      bytes -= map.bytes;
      await rm(map.directory, { recursive: true, force: true });
    }
  }
}

/** Labels that were added to a scene change its digest, but not its georeference. */
function sameSize(
  { height, width }: { readonly height: number; readonly width: number },
  other: { readonly height: number; readonly width: number } | undefined,
): boolean {
  return other?.height === height && other.width === width;
}
