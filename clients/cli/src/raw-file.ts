import { failure } from '@hyperswap/errors';
import { Output, Padding, PixelContent, type Margins, type Tile } from '@hyperswap/proto';
import { callUnary, fromErrorStatus } from '@hyperswap/rpc';
import { validPixels, type NumericArray, type RasterReader, type Window } from '@hyperswap/raster';
import { MosaicMap } from '@hyperswap/map';
import { exchangeTiles } from './exchange-tiles.js';
import { tilePixelType, wireBytes } from './pixel-type.js';
import type { SceneMap } from './map-files/map-source.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';

const tileSize = 64;
/** Probabilities of a map that are kept in memory. */
const maximumProbabilities = 2 ** 31;

/**
 * Classifies a raw scene without preparing it: the adapter carries its PCA, so raw tiles are enough. Tiles are read by
 * windows. Pixels without data get label 0, confidence 0 and probabilities of 0.
 *
 * @param probabilities are wanted too: they stay in memory, one byte a class and pixel
 * @throws FIELD_INVALID when the probabilities are too many; errors of reading the raster, and errors of tile-inference
 */
export async function classifyRawFile(
  session: Session,
  raster: RasterReader,
  reference: string,
  progress: Progress,
  probabilities = false,
): Promise<SceneMap> {
  const start = performance.now();
  const { tiles, adapters, signal } = session;
  const { info } = raster;
  const { adapter } = await callUnary(adapters, 'getAdapter', { adapter: reference }, { signal });
  if (info.wavelengths === undefined && adapter!.wavelengths.length > 0) {
    progress.warn('the wavelengths of the file are not known; they were not compared with those of the adapter');
  }
  const pixelType = tilePixelType(info.type);
  const halo = adapter!.patchSize >> 1;
  const classes = probabilities ? adapter!.classes.length : 0;
  if (info.height * info.width * classes > maximumProbabilities) {
    const reason = `${info.height} × ${info.width} pixels of ${classes} classes are more than ${maximumProbabilities} values, which a raw file may have: prepare it with "hyperswap scenes prepare"`;
    throw failure('FIELD_INVALID', { field: '--probabilities', reason });
  }
  const mosaic = new MosaicMap(info.width, info.height, classes);
  const total = Math.ceil(info.height / tileSize) * Math.ceil(info.width / tileSize);
  let done = 0;
  let empty = 0;

  const header = {
    adapter: reference,
    pixelType,
    bands: info.bands,
    content: PixelContent.PIXEL_CONTENT_RAW,
    outputs: probabilities ? [Output.OUTPUT_LABELS, Output.OUTPUT_CONFIDENCE, Output.OUTPUT_PROBABILITIES] : [],
    scene: '',
    padding: Padding.PADDING_REFLECT,
    wavelengths: [...(info.wavelengths ?? [])],
  };
  async function* readTiles(): AsyncGenerator<Tile> {
    for (let row = 0; row < info.height; row += tileSize) {
      for (let column = 0; column < info.width; column += tileSize) {
        const height = Math.min(tileSize, info.height - row);
        const width = Math.min(tileSize, info.width - column);
        const window = { row, column, height, width };
        const margins = marginsOf(info, window, halo);
        const { values, valid } = await readFilled(raster, grow(window, margins));
        empty += height * width - countInside(valid, window, margins);
        if (!valid.includes(1)) {
          progress.update('classifying', ++done, total);
          continue;
        }
        masks.set(`${row},${column}`, insideOf(valid, window, margins));
        const pixels = wireBytes(values, pixelType);
        yield { id: `${row},${column}`, window, halo: 0, margins, pixels, adapter: '' };
      }
    }
  }
  /** Valid pixels of tiles that are on their way. */
  const masks = new Map<string, Uint8Array>();
  for await (const tile of exchangeTiles(tiles, header, readTiles(), signal)) {
    const { id, outcome } = tile;
    if (outcome?.$case !== 'result') {
      throw outcome === undefined
        ? failure('INTERNAL', { reason: `tile ${id} has no outcome` })
        : fromErrorStatus(outcome.value);
    }
    const { window, labels, confidence, probabilities: shares } = outcome.value;
    const valid = masks.get(id)!;
    masks.delete(id);
    const masked = (values: Uint8Array): Uint8Array => {
      const count = values.length / valid.length;
      return values.map((value, place) => (valid[Math.floor(place / count)] === 1 ? value : 0));
    };
    mosaic.place({
      window: window!,
      labels: masked(labels),
      confidence: masked(confidence),
      probabilities: masked(shares),
    });
    progress.update('classifying', ++done, total);
  }
  if (empty > 0) progress.warn(`${empty} pixels hold no data; the map is 0 there`);
  const seconds = (performance.now() - start) / 1000;
  const { labels, confidence, probabilities: all } = mosaic;
  const { height, width } = info;
  return { height, width, labels, confidence, probabilities: all, adapter: adapter!, seconds };
}

/**
 * Reads a window, and fills pixels without data with the mean of the others, which changes the patches of their
 * neighbours as little as possible.
 */
export async function readFilled(
  raster: RasterReader,
  window: Window,
): Promise<{ readonly values: NumericArray; readonly valid: Uint8Array }> {
  const { info } = raster;
  const values = await raster.readWindow(window);
  const valid = validPixels(values, info);
  const count = valid.reduce((sum, isValid) => sum + isValid, 0);
  const { bands } = info;
  for (let band = 0; band < bands; band++) {
    if (count === valid.length && info.goodBands?.[band] !== false) continue;
    let sum = 0;
    for (let pixel = 0; pixel < valid.length; pixel++) if (valid[pixel] === 1) sum += values[pixel * bands + band]!;
    const mean = Number.isFinite(sum) && count > 0 ? sum / count : 0;
    for (let pixel = 0; pixel < valid.length; pixel++) {
      const place = pixel * bands + band;
      if (valid[pixel] === 0 || !Number.isFinite(values[place]!)) values[place] = mean;
    }
  }
  return { values, valid };
}

/** Pixels around a window that the scene has, at most `halo` on each side; the service mirrors the others. */
function marginsOf(
  { height, width }: { readonly height: number; readonly width: number },
  window: Window,
  halo: number,
): Margins {
  return {
    top: Math.min(halo, window.row),
    left: Math.min(halo, window.column),
    bottom: Math.min(halo, height - window.row - window.height),
    right: Math.min(halo, width - window.column - window.width),
  };
}

function grow({ row, column, height, width }: Window, { top, left, bottom, right }: Margins): Window {
  return { row: row - top, column: column - left, height: top + height + bottom, width: left + width + right };
}

/** The part of a mask that lies inside the margins. */
function insideOf(valid: Uint8Array, { height, width }: Window, { top, left, right }: Margins): Uint8Array {
  const inside = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const start = (top + y) * (left + width + right) + left;
    inside.set(valid.subarray(start, start + width), y * width);
  }
  return inside;
}

function countInside(valid: Uint8Array, window: Window, margins: Margins): number {
  return insideOf(valid, window, margins).reduce((sum, isValid) => sum + isValid, 0);
}
