import {
  PixelContent,
  PixelType,
  type ClassifyTilesRequest,
  type ClassifyTilesResponse,
  type Scene,
} from '@hyperswap/proto';
import { exchange, readStream } from '@hyperswap/rpc';
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
export async function* classifyTiles(session: Session, stream: TileStream): AsyncGenerator<ClassifyTilesResponse> {
  const { preprocessing, tileInference, signal } = session;
  const { scene, adapter, tileSize, halo, only } = stream;
  async function* requests(): AsyncGenerator<ClassifyTilesRequest> {
    const header = {
      adapter,
      pixelType: PixelType.PIXEL_TYPE_FLOAT32,
      bands: scene.components,
      content: PixelContent.PIXEL_CONTENT_PREPARED,
      confidence: true,
      scene: scene.name,
      pcaDigest: scene.pcaDigest,
    };
    yield { part: { $case: 'header', value: header } };
    const call = preprocessing.streamTiles({ scene: scene.name, tileSize, halo, window: undefined });
    for await (const { tile, window, scores } of readStream(preprocessing, call, signal)) {
      if (only !== undefined && !only.has(tile)) continue;
      yield { part: { $case: 'tile', value: { id: String(tile), window, halo, pixels: scores, adapter: '' } } };
    }
  }
  yield* exchange(tileInference, tileInference.classifyTiles(), requests(), signal);
}
