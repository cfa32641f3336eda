import { PixelContent, Padding, PixelType, type Scene, type Tile, type TileResult } from '@hyperswap/proto';
import { fromErrorStatus, readStream } from '@hyperswap/rpc';
import { exchangeTiles } from './exchange-tiles.js';
import type { Session } from './session.js';

export interface TileStream {
  readonly scene: Scene;
  /** Reference of the adapter; an alias may move while tiles stream. */
  readonly adapter: string;
  readonly tileSize: number;
  readonly halo: number;
}

/** Streams a prepared scene's tiles from preprocessing through tile-inference. */
export async function* classifyTiles(
  session: Session,
  stream: TileStream,
): AsyncGenerator<TileResult & { readonly id: string }> {
  const { scenes, tiles, signal } = session;
  const { scene, adapter, tileSize, halo } = stream;
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
  async function* readTiles(): AsyncGenerator<Tile> {
    const call = scenes.streamTiles({
      scene: scene.name,
      sceneDigest: scene.digest,
      tileSize,
      halo,
      window: undefined,
    });
    for await (const { tile, window, scores } of readStream(scenes, call, signal)) {
      yield { id: String(tile), window, halo, margins: undefined, pixels: scores, adapter: '' };
    }
  }
  for await (const { id, outcome } of exchangeTiles(tiles, header, readTiles(), signal)) {
    if (outcome?.$case === 'error') throw fromErrorStatus(outcome.value);
    if (outcome?.$case === 'result') yield { id, ...outcome.value };
  }
}
