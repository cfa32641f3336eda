import { failure } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import { parseSceneUrls, requireAllowedUrl } from './allowed-urls.js';
import { inPages, type Ranges } from './ranges.js';
import { SceneSource } from './scene-source.js';
import { openStored } from './stored-ranges.js';
import { openUrl } from './url-ranges.js';

/** Files that a process reads at once: each decodes blocks in memory, and has one request for a range open. */
const openAtOnce = 2;
const retryAfterMilliseconds = 5_000;
const storeScheme = 'store:';

export interface SceneSourcesContext {
  readonly store: ObjectStore;
  /** Setting of the beginnings of URLs that the operator allows. */
  readonly sceneUrls: string;
  /** Milliseconds that the answer to each request for a range may take. */
  readonly sceneUrlMilliseconds: number;
  /** Milliseconds that reading all of a file at a URL may take. */
  readonly sceneUrlTotalMilliseconds: number;
  /** Takes names in URLs that resolve to private, loopback and link-local addresses. */
  readonly sceneUrlsPrivate: boolean;
}

/** Source that is open. */
export type OpenSource = Pick<SceneSource, 'raster' | 'rows' | 'version' | 'close'>;

/** Scenes that the service reads itself: objects of its store, and files at URLs that the operator allows. */
export class SceneSources {
  private readonly allowed: readonly URL[];
  private opened = 0;

  /** @throws CONFIG_INVALID */
  constructor(private readonly context: SceneSourcesContext) {
    this.allowed = parseSceneUrls(context.sceneUrls);
  }

  /**
   * Opens a source; it is to be closed.
   *
   * @param source `store:KEY` or a URL
   * @param signal ends the reading
   * @throws FIELD_INVALID when it is empty; SCENE_SOURCE_REFUSED, SCENE_SOURCE_UNREADABLE, SCENE_SOURCE_UNREACHABLE,
   * SCENE_SOURCES_BUSY, FILE_FORMAT, CANCELLED
   */
  async open(source: string, signal: AbortSignal): Promise<OpenSource> {
    if (source === '')
      throw failure('FIELD_INVALID', { field: 'source', reason: 'it is empty: give store:KEY or a URL' });
    const url = source.startsWith(storeScheme) ? undefined : requireAllowedUrl(source, this.allowed);
    if (this.opened >= openAtOnce) throw failure('SCENE_SOURCES_BUSY', { limit: openAtOnce, retryAfterMilliseconds });
    this.opened += 1;
    const ending = new AbortController();
    const end = (): void => {
      if (ending.signal.aborted) return;
      ending.abort();
      this.opened -= 1;
    };
    const both = AbortSignal.any([signal, ending.signal]);
    const { store, sceneUrlMilliseconds, sceneUrlTotalMilliseconds, sceneUrlsPrivate: allowPrivate } = this.context;
    const limits = { milliseconds: sceneUrlMilliseconds, totalMilliseconds: sceneUrlTotalMilliseconds };
    let ranges: Ranges | undefined;
    try {
      ranges =
        url === undefined
          ? await openStored(store, source.slice(storeScheme.length))
          : await openUrl(url, { ...limits, allowPrivate, signal: both });
      const opened = await SceneSource.open(inPages(ranges), both);
      const connections = ranges;
      return {
        raster: opened.raster,
        version: opened.version,
        rows: (first) => opened.rows(first),
        close: async () => {
          end();
          await opened.close();
          connections.close();
        },
      };
    } catch (error) {
      end();
      ranges?.close();
      throw error;
    }
  }
}
