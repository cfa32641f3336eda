/** Tiles on the device, from their first batch to their last one. */
import type { Binding } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import { reflect } from '@hyperswap/raster';
import { gatherPatches } from '@hyperswap/spectralgpt';
import { tensorflow, type Steps, type Tensor2D } from '@hyperswap/tensor';
import { findBinding } from './bound-adapters.js';

export type PixelType = 'uint8' | 'uint16' | 'int16' | 'float32';

/** A tile that the engine has not seen. */
export interface TileToOpen {
  /** Name of the tile in segments. */
  readonly key: number;
  /** Digest of its adapter. */
  readonly digest: string;
  /** Pixels of window and margins, little-endian: row, column, band. */
  readonly pixels: ArrayBuffer;
  readonly pixelType: PixelType;
  readonly bands: number;
  /** Pixels are as the sensor gave them: the adapter's PCA is to be applied. Otherwise they are scores. */
  readonly raw: boolean;
  /** Size of the window. */
  readonly height: number;
  readonly width: number;
  /** Pixels around the window; those missing to half a patch are mirrored. */
  readonly margins: TileMargins;
  /**
   * Rows of pixels from one row of the window to the next: 1 in a tile, the side of a patch where patches are stacked.
   *
   * @default 1
   */
  readonly rowStep?: number;
  /** Pixels of the window that are classified, in ascending order; undefined for all. */
  readonly chosen: Int32Array | undefined;
}

/** Pixels around a window, side by side. */
export interface TileMargins {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Pixels `first` to `first + count` of those that are classified of a tile's window, row by row. */
export interface TileSegment {
  readonly key: number;
  /** Digest of the tile's adapter. */
  readonly digest: string;
  readonly first: number;
  readonly count: number;
}

interface OpenTile {
  /** `[components, pixels]`, normalised for the adapter. */
  readonly pixels: Tensor2D;
  /** Size of the window. */
  readonly height: number;
  readonly width: number;
  readonly margins: TileMargins;
  readonly rowStep: number;
  readonly chosen: Int32Array | undefined;
  /** Pixels to classify that no batch has taken. */
  remaining: number;
}

const arrayTypes = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array, float32: Float32Array } as const;
/** Values of a tile that are normalised at once: a large tile of many bands would take several times its memory. */
const valuesAtOnce = 4 * 1024 * 1024;
const tiles = new Map<number, OpenTile>();

/** Opens a tile: its pixels go to the device, normalised for its adapter. */
export function* openTile(tile: TileToOpen): Steps<void> {
  const { key, height, width, margins, chosen, rowStep = 1 } = tile;
  const pixels = yield* normalised(tile, findBinding(tile.digest));
  const remaining = chosen?.length ?? height * width;
  tiles.set(key, { pixels, height, width, margins, rowStep, chosen, remaining });
}

/**
 * Gathers the patches of a segment, `[components, patches · patchSize²]`. A tile whose last pixels it takes is closed.
 *
 * @throws INTERNAL if the tile is not open
 */
export function takePatches(segment: TileSegment): Tensor2D {
  const tile = tiles.get(segment.key);
  if (tile === undefined) throw failure('INTERNAL', { reason: `tile ${segment.key} is not open` });
  const gathered = gatherPatches(tile.pixels, segmentIndices(tile, segment, findBinding(segment.digest).patchSize));
  tile.remaining -= segment.count;
  if (tile.remaining === 0) closeTile(segment.key);
  return gathered;
}

/** Frees a tile. */
export function closeTile(key: number): void {
  tiles.get(key)?.pixels.dispose();
  tiles.delete(key);
}

/** Returns the pixels of a tile as the backbone takes them, `[components, pixels]`. */
function* normalised({ pixels, pixelType, bands, raw }: TileToOpen, binding: Binding): Steps<Tensor2D> {
  const tf = tensorflow();
  const values = new arrayTypes[pixelType](pixels);
  const rows = Math.max(1, Math.floor(valuesAtOnce / bands));
  const pieces: Tensor2D[] = [];
  try {
    for (let first = 0; first < values.length; first += rows * bands) {
      const piece = values.subarray(first, first + rows * bands);
      const floats = piece instanceof Float32Array ? piece : new Float32Array(piece);
      pieces.push(
        tf.tidy(() => {
          const table = tf.tensor2d(floats, [floats.length / bands, bands]);
          return raw ? binding.fromRaw(table) : binding.fromScores(table);
        }),
      );
      yield;
    }
    return pieces.length === 1 ? tf.clone(pieces[0]!) : tf.concat(pieces, 1);
  } finally {
    tf.dispose(pieces);
  }
}

/** Pixel numbers of the patches around a segment's pixels, in the tile with its margins. */
function segmentIndices(
  { height, width, margins, rowStep, chosen }: OpenTile,
  { first, count }: TileSegment,
  patchSize: number,
): Int32Array {
  const half = patchSize >> 1;
  const stride = margins.left + width + margins.right;
  const rows = reflectedPlaces(margins.top, (height - 1) * rowStep + 1, margins.bottom, half);
  const columns = reflectedPlaces(margins.left, width, margins.right, half);
  const indices = new Int32Array(count * patchSize ** 2);
  let position = 0;
  for (let place = first; place < first + count; place++) {
    const pixel = chosen?.[place] ?? place;
    const top = Math.floor(pixel / width) * rowStep;
    const left = pixel % width;
    for (let y = top; y < top + patchSize; y++) {
      const row = rows[y]! * stride;
      for (let x = left; x < left + patchSize; x++) indices[position++] = row + columns[x]!;
    }
  }
  return indices;
}

/** Places along one axis from `half` before the window to `half` behind it, mirrored at the edges of what is there. */
function reflectedPlaces(before: number, size: number, behind: number, half: number): Int32Array {
  const available = before + size + behind;
  return Int32Array.from({ length: size + 2 * half }, (_, index) => reflect(before - half + index, available));
}
