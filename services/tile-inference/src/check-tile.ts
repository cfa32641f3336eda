import { failure } from '@hyperswap/errors';
import {
  Padding,
  PixelContent,
  PixelType as PixelTypeMessage,
  type ClassifyTilesHeader,
  type Margins,
  type Tile,
  type Window,
} from '@hyperswap/proto';
import { maximumHalo, maximumTileSide } from '@hyperswap/scene';
import type { AdmittedAdapter } from './binding-table.js';
import type { PixelType } from './engine/open-tiles.js';

/** Validated tile: its bytes match its header. Ready for the engine. */
export interface CheckedTile {
  readonly window: Window;
  readonly margins: Margins;
  /** Values of window and margins, little-endian: row, column, band. */
  readonly pixels: ArrayBuffer;
  readonly pixelType: PixelType;
  readonly bands: number;
  /** Pixels are as the sensor gave them: the adapter's PCA is to be applied. */
  readonly raw: boolean;
  /** Rows of pixels from one row of the window to the next; more than 1 where patches are stacked. @default 1 */
  readonly rowStep?: number;
  /** Pixels of the window that are to be classified, in ascending order, at least one; all by default. */
  readonly chosen?: Int32Array;
}

const pixelTypes = new Map<PixelTypeMessage, { readonly type: PixelType; readonly bytes: number }>([
  [PixelTypeMessage.PIXEL_TYPE_UINT8, { type: 'uint8', bytes: 1 }],
  [PixelTypeMessage.PIXEL_TYPE_UINT16, { type: 'uint16', bytes: 2 }],
  [PixelTypeMessage.PIXEL_TYPE_INT16, { type: 'int16', bytes: 2 }],
  [PixelTypeMessage.PIXEL_TYPE_FLOAT32, { type: 'float32', bytes: 4 }],
]);

/**
 * Checks a tile against its stream's header and its adapter.
 *
 * @param pcaDigest PCA of the header's scene; undefined for raw pixels
 * @throws TILE_HALO, TILE_SIZE, TILE_BYTES, TILE_BANDS, TILE_PIXELS_NOT_FINITE, PCA_MISMATCH, FIELD_INVALID
 */
export function checkTile(
  header: ClassifyTilesHeader,
  tile: Tile,
  adapter: AdmittedAdapter,
  pcaDigest: string | undefined,
): CheckedTile {
  const { reference } = adapter;
  const stored = pixelTypes.get(header.pixelType);
  if (stored === undefined) throw failure('FIELD_INVALID', { field: 'pixel_type', reason: 'it is missing or unknown' });
  const { window, margins } = checkPlace(tile, adapter.patchSize >> 1, reference, header.padding);
  const raw = header.content === PixelContent.PIXEL_CONTENT_RAW;
  if (!raw && pcaDigest !== adapter.pcaDigest)
    throw failure('PCA_MISMATCH', { adapter: reference, scene: header.scene });
  const wantedBands = raw ? adapter.bands : adapter.components;
  const bands = header.bands ?? wantedBands;
  if (bands !== wantedBands) {
    throw failure('TILE_BANDS', { tile: tile.id, adapter: reference, found: bands, wanted: wantedBands });
  }
  const rows = margins.top + window.height + margins.bottom;
  const columns = margins.left + window.width + margins.right;
  const wanted = rows * columns * bands * stored.bytes;
  if (tile.pixels.byteLength !== wanted) {
    const shape = `${rows} × ${columns} pixels of ${bands} ${stored.type} values`;
    throw failure('TILE_BYTES', { tile: tile.id, found: tile.pixels.byteLength, wanted, shape });
  }
  // Copied out of the message, so that the buffer is aligned and can be transferred to the engine.
  const pixels = new Uint8Array(tile.pixels).buffer;
  const infinite = stored.type === 'float32' ? firstNotFinite(new Float32Array(pixels)) : -1;
  if (infinite >= 0) {
    const pixel = Math.floor(infinite / bands);
    const [row, column] = [Math.floor(pixel / columns), pixel % columns];
    throw failure('TILE_PIXELS_NOT_FINITE', { tile: tile.id, row, column });
  }
  return { window, margins, pixels, pixelType: stored.type, bands, raw };
}

/**
 * Returns the place of the first value that is NaN or infinite, -1 without one. A tile has up to 16 million: a sum
 * finds one fast.
 */
export function firstNotFinite(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * 0;
  return sum === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value));
}

/** Checks window and margins before any computation uses them. */
function checkPlace(
  { window, halo, margins: given, id }: Tile,
  half: number,
  reference: string,
  padding: Padding,
): Pick<CheckedTile, 'window' | 'margins'> {
  if (window === undefined || window.height === 0 || window.width === 0) {
    throw failure('TILE_HALO', { tile: id, reason: 'its window is missing or empty' });
  }
  const margins = given ?? { top: halo, left: halo, bottom: halo, right: halo };
  const sides = [margins.top, margins.left, margins.bottom, margins.right];
  if (Math.max(window.height, window.width) > maximumTileSide || Math.max(...sides) > maximumHalo) {
    const { height, width } = window;
    const largest = Math.max(...sides);
    throw failure('TILE_SIZE', { tile: id, height, width, halo: largest, maximumSide: maximumTileSide, maximumHalo });
  }
  const smallest = Math.min(...sides);
  if (smallest < half && padding !== Padding.PADDING_REFLECT) {
    const reason =
      `${smallest} pixels around it are too few: adapter ${reference} needs ${half} on each side; send more, or let the ` +
      'missing ones be mirrored with padding PADDING_REFLECT';
    throw failure('TILE_HALO', { tile: id, reason });
  }
  return { window, margins };
}
