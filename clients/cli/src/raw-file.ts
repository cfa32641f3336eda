import { readFile } from 'node:fs/promises';
import { PixelContent, PixelType, type ClassifyTilesRequest, type SceneMap } from '@hyperswap/proto';
import { callUnary, exchange } from '@hyperswap/rpc';
import { readArray, reflect, toRawScene, type NumericArray, type RawScene } from '@hyperswap/raster';
import { MosaicMap } from '@hyperswap/map';
import type { Session } from './session.js';
import { fileToUpload } from './upload.js';
import type { Progress } from './terminal.js';

const tileSize = 64;

/**
 * Classifies a raw scene without preparing it: the adapter carries its PCA, so raw tiles are enough.
 *
 * @returns the map, and the scene as it was read
 * @throws FILE_FORMAT, SCENE_SHAPE, and what tile-inference refuses
 */
export async function classifyRawFile(
  session: Session,
  file: string,
  variable: string | undefined,
  reference: string,
  progress: Progress,
): Promise<{ map: SceneMap; raw: RawScene }> {
  const start = performance.now();
  const { tileInference, signal } = session;
  const request = { adapter: reference };
  const { adapter } = await callUnary(tileInference, 'getAdapter', request, { signal });
  const { name } = await fileToUpload(file);
  const scene = toRawScene(name, await readArray(name, await readFile(file), 3, variable), 'height-width-bands');
  const { type, pixelType } = pixelTypeOf(scene.values);
  const halo = adapter!.patchSize >> 1;
  const mosaic = new MosaicMap(scene.width, scene.height);
  const total = Math.ceil(scene.height / tileSize) * Math.ceil(scene.width / tileSize);

  // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
  async function* requests(): AsyncGenerator<ClassifyTilesRequest> {
    const header = {
      adapter: reference,
      pixelType,
      bands: scene.bands,
      content: PixelContent.PIXEL_CONTENT_RAW,
      confidence: true,
      scene: '',
      pcaDigest: '',
    };
    yield { part: { $case: 'header', value: header } };
    for (let row = 0; row < scene.height; row += tileSize) {
      for (let column = 0; column < scene.width; column += tileSize) {
        const height = Math.min(tileSize, scene.height - row);
        const width = Math.min(tileSize, scene.width - column);
        const window = { row, column, height, width };
        const pixels = Buffer.from(cutTile(scene, window, halo, type).buffer);
        yield { part: { $case: 'tile', value: { id: `${row},${column}`, window, halo, pixels, adapter: '' } } };
      }
    }
  }
  let done = 0;
  for await (const tile of exchange(tileInference, tileInference.classifyTiles(), requests(), signal)) {
    mosaic.place({ ...tile, window: tile.window! });
    progress.update('classifying', ++done, total);
  }
  const labels = Buffer.from(mosaic.labels);
  const confidence = Buffer.from(mosaic.confidence);
  const { height, width } = scene;
  const seconds = (performance.now() - start) / 1000;
  return { map: { job: '', height, width, labels, confidence, adapter, seconds }, raw: scene };
}

type WireArray = typeof Uint8Array | typeof Uint16Array | typeof Int16Array | typeof Float32Array;

/** How values travel: as they are where the wire knows their type, otherwise as float32. */
function pixelTypeOf(values: NumericArray): { type: WireArray; pixelType: PixelType } {
  if (values instanceof Uint8Array) return { type: Uint8Array, pixelType: PixelType.PIXEL_TYPE_UINT8 };
  if (values instanceof Uint16Array) return { type: Uint16Array, pixelType: PixelType.PIXEL_TYPE_UINT16 };
  if (values instanceof Int16Array) return { type: Int16Array, pixelType: PixelType.PIXEL_TYPE_INT16 };
  return { type: Float32Array, pixelType: PixelType.PIXEL_TYPE_FLOAT32 };
}

function cutTile(
  { height, width, bands, values }: RawScene,
  window: { row: number; column: number; height: number; width: number },
  halo: number,
  type: WireArray,
): InstanceType<WireArray> {
  const columns = window.width + 2 * halo;
  const tile = new type((window.height + 2 * halo) * columns * bands);
  let position = 0;
  for (let y = window.row - halo; y < window.row + window.height + halo; y++) {
    const row = reflect(y, height) * width;
    for (let x = window.column - halo; x < window.column + window.width + halo; x++) {
      const start = (row + reflect(x, width)) * bands;
      tile.set(values.subarray(start, start + bands), position);
      position += bands;
    }
  }
  return tile;
}
