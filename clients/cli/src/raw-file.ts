import { readFile } from 'node:fs/promises';
import { failure } from '@hyperswap/errors';
import { Padding, PixelContent, PixelType, type ClassifyTilesRequest, type Margins } from '@hyperswap/proto';
import { callUnary, exchange, fromErrorStatus } from '@hyperswap/rpc';
import { readArray, toRawScene, type NumericArray, type RawScene, type Window } from '@hyperswap/raster';
import { MosaicMap } from '@hyperswap/map';
import type { SceneMap } from './scene-jobs.js';
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
  const { tiles, adapters, signal } = session;
  const request = { adapter: reference };
  const { adapter } = await callUnary(adapters, 'getAdapter', request, { signal });
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
      outputs: [],
      scene: '',
      padding: Padding.PADDING_REFLECT,
    };
    yield { part: { $case: 'header', value: header } };
    for (let row = 0; row < scene.height; row += tileSize) {
      for (let column = 0; column < scene.width; column += tileSize) {
        const height = Math.min(tileSize, scene.height - row);
        const width = Math.min(tileSize, scene.width - column);
        const window = { row, column, height, width };
        const margins = marginsOf(scene, window, halo);
        const pixels = Buffer.from(cutTile(scene, window, margins, type).buffer);
        const value = { id: `${row},${column}`, window, halo: 0, margins, pixels, adapter: '' };
        yield { part: { $case: 'tile', value } };
      }
    }
  }
  let done = 0;
  for await (const tile of exchange(tiles, tiles.classifyTiles(), requests(), signal)) {
    const { id, outcome } = tile;
    if (outcome?.$case !== 'result') {
      throw outcome === undefined
        ? failure('INTERNAL', { reason: `tile ${id} has no outcome` })
        : fromErrorStatus(outcome.value);
    }
    mosaic.place({ ...outcome.value, window: outcome.value.window! });
    progress.update('classifying', ++done, total);
  }
  const { labels, confidence } = mosaic;
  const { height, width } = scene;
  const seconds = (performance.now() - start) / 1000;
  return { map: { height, width, labels, confidence, adapter: adapter!, seconds }, raw: scene };
}

type WireArray = typeof Uint8Array | typeof Uint16Array | typeof Int16Array | typeof Float32Array;

/** How values travel: as they are where the wire knows their type, otherwise as float32. */
function pixelTypeOf(values: NumericArray): { type: WireArray; pixelType: PixelType } {
  if (values instanceof Uint8Array) return { type: Uint8Array, pixelType: PixelType.PIXEL_TYPE_UINT8 };
  if (values instanceof Uint16Array) return { type: Uint16Array, pixelType: PixelType.PIXEL_TYPE_UINT16 };
  if (values instanceof Int16Array) return { type: Int16Array, pixelType: PixelType.PIXEL_TYPE_INT16 };
  return { type: Float32Array, pixelType: PixelType.PIXEL_TYPE_FLOAT32 };
}

/** Pixels around a window that the scene has, at most `halo` on each side; the service mirrors the others. */
function marginsOf({ height, width }: RawScene, window: Window, halo: number): Margins {
  return {
    top: Math.min(halo, window.row),
    left: Math.min(halo, window.column),
    bottom: Math.min(halo, height - window.row - window.height),
    right: Math.min(halo, width - window.column - window.width),
  };
}

function cutTile(
  { width, bands, values }: RawScene,
  window: Window,
  { top, left, bottom, right }: Margins,
  type: WireArray,
): InstanceType<WireArray> {
  const rowValues = (left + window.width + right) * bands;
  const tile = new type((top + window.height + bottom) * rowValues);
  for (let y = 0; y < top + window.height + bottom; y++) {
    const start = ((window.row - top + y) * width + window.column - left) * bands;
    tile.set(values.subarray(start, start + rowValues), y * rowValues);
  }
  return tile;
}
