import {
  PixelContent,
  Padding,
  PixelType,
  type ClassifyTilesRequest,
  type Scene,
  type TileResult,
} from '@hyperswap/proto';
import { exchange, fromErrorStatus, readStream } from '@hyperswap/rpc';
import type { Session } from './session.js';

export interface TileStream {
  readonly scene: Scene;
  /** Reference of the adapter; an alias may move while tiles stream. */
  readonly adapter: string;
  readonly tileSize: number;
  readonly halo: number;
  /** Tiles to send, by number; undefined: all. */
  readonly only?: ReadonlySet<number>;
}

/** Streams a prepared scene's tiles from preprocessing through tile-inference. */
export async function* classifyTiles(
  session: Session,
  stream: TileStream,
): AsyncGenerator<TileResult & { readonly id: string }> {
  const { scenes, tiles, signal } = session;
  const { scene, adapter, tileSize, halo, only } = stream;
  async function* requests(): AsyncGenerator<ClassifyTilesRequest> {
    const header = {
      adapter,
      pixelType: PixelType.PIXEL_TYPE_FLOAT32,
      bands: scene.components,
      content: PixelContent.PIXEL_CONTENT_PREPARED,
      outputs: [],
      scene: scene.name,
      padding: Padding.PADDING_NONE,
      wavelengths: [],
    };
    yield { part: { $case: 'header', value: header } };
    const call = scenes.streamTiles({
      scene: scene.name,
      sceneDigest: scene.digest,
      tileSize,
      halo,
      window: undefined,
    });
    for await (const { tile, window, scores } of readStream(scenes, call, signal)) {
      if (only !== undefined && !only.has(tile)) continue;
      yield {
        part: {
          $case: 'tile',
          value: { id: String(tile), window, halo, margins: undefined, pixels: scores, adapter: '' },
        },
      };
    }
  }
  for await (const { id, outcome } of exchange(tiles, tiles.classifyTiles(), requests(), signal)) {
    if (outcome?.$case === 'error') throw fromErrorStatus(outcome.value);
    if (outcome?.$case === 'result') yield { id, ...outcome.value };
  }
}
