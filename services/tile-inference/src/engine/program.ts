/** Tile-inference's program in the executor's worker: bindings and open tiles live here, from tile to labels nothing leaves the device. */
import { Binding, readAdapter } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import { reflect } from '@hyperswap/raster';
import {
  features,
  gatherPatches,
  imageTokens,
  makeResident,
  residentBackbone,
  type Backbone,
  type PrecisionChoice,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import {
  finishLettingUrgentPass,
  Moved,
  tensorflow,
  type MethodContext,
  type Precision,
  type Tensor2D,
} from '@hyperswap/tensor';

export type PixelType = 'uint8' | 'uint16' | 'int16' | 'float32';

export interface TileToOpen {
  readonly key: number;
  /** Digest of the adapter that will classify it. */
  readonly digest: string;
  /** Pixels of window and margins, little-endian: row, column, band. */
  readonly pixels: ArrayBuffer;
  readonly pixelType: PixelType;
  readonly bands: number;
  /** Whether pixels are raw, and the adapter's PCA is to be applied, or scores. */
  readonly raw: boolean;
  /** Size of the window. */
  readonly height: number;
  readonly width: number;
  /** Pixels around the window; those missing to half a patch are mirrored. */
  readonly margins: TileMargins;
}

/** Pixels around a window, side by side. */
export interface TileMargins {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Pixels `first` to `first + count` of a tile's window, row by row. */
export interface TileSegment {
  readonly key: number;
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
  /** Of the window, not yet in a batch. */
  remaining: number;
}

const arrayTypes = { uint8: Uint8Array, uint16: Uint16Array, int16: Int16Array, float32: Float32Array } as const;
const bindings = new Map<string, Binding>();
/** Backbones that have run once: kernels are made for shapes, so that only the first adapter of a backbone is slower at its first tile. */
const warm = new WeakSet<ResidentBackbone>();
const tiles = new Map<number, OpenTile>();
/** Of the batch that runs; it may be unbound between two blocks, and lives until the batch's end. */
let inUse: Binding | undefined;

function findBinding(digest: string): Binding {
  const binding = bindings.get(digest);
  if (binding === undefined) throw failure('INTERNAL', { reason: `adapter ${digest} is not bound` });
  return binding;
}

function closeTile(key: number): void {
  tiles.get(key)?.pixels.dispose();
  tiles.delete(key);
}

/** Pixel numbers of the patches around a segment's pixels, in the tile with its margins. */
function segmentIndices(
  { height, width, margins }: OpenTile,
  { first, count }: TileSegment,
  patchSize: number,
): Int32Array {
  const half = patchSize >> 1;
  const stride = margins.left + width + margins.right;
  const rows = reflectedPlaces(margins.top, height, margins.bottom, half);
  const columns = reflectedPlaces(margins.left, width, margins.right, half);
  const indices = new Int32Array(count * patchSize ** 2);
  let position = 0;
  for (let pixel = first; pixel < first + count; pixel++) {
    const top = Math.floor(pixel / width);
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

const program = {
  makeResident({ backbone, precision }: { backbone: Backbone; precision: PrecisionChoice }): Precision {
    return makeResident(backbone, precision);
  },

  /**
   * Builds an adapter's binding, and runs the backbone's first one once, so that its first tile is as fast as the others.
   *
   * @returns milliseconds it took
   */
  bind({ reference, digest, blob, backboneDigest, precision }: BindArguments): number {
    if (bindings.has(digest)) return 0;
    const start = performance.now();
    const resident = residentBackbone(backboneDigest, precision);
    const binding = new Binding(reference, readAdapter(reference, blob), resident);
    if (!warm.has(resident)) {
      const sample: Tensor2D = tensorflow().zeros([resident.backbone.config.components, binding.patchSize ** 2]);
      binding.classify(sample);
      sample.dispose();
      warm.add(resident);
    }
    bindings.set(digest, binding);
    return performance.now() - start;
  },

  /**
   * Logits of a bound adapter, or without one the pooled, normalised features.
   *
   * @returns row by row, `[patches, classes]` or `[patches, width]`
   */
  predict({ images, backboneDigest, precision, adapter }: PredictArguments) {
    const tf = tensorflow();
    const resident = residentBackbone(backboneDigest, precision);
    const rows = tf.tidy(() => {
      const pixels = imageTokens(images, resident.backbone.config);
      return adapter === undefined ? features(pixels, resident) : findBinding(adapter).logitsOfTokens(pixels);
    });
    const values = rows.dataSync() as Float32Array;
    const [count, columns] = rows.shape;
    rows.dispose();
    return new Moved({ count, columns, values }, [values.buffer]);
  },

  unbind({ digest }: { digest: string }): void {
    const binding = bindings.get(digest);
    bindings.delete(digest);
    if (binding !== inUse) binding?.dispose();
  },

  openTile({ key, digest, pixels, pixelType, bands, raw, height, width, margins }: TileToOpen): void {
    const tf = tensorflow();
    const binding = findBinding(digest);
    const values = new arrayTypes[pixelType](pixels);
    const prepared = tf.tidy(() => {
      const floats = values instanceof Float32Array ? values : Float32Array.from(values);
      const table = tf.tensor2d(floats, [floats.length / bands, bands]);
      return raw ? binding.fromRaw(table) : binding.fromScores(table);
    });
    tiles.set(key, { pixels: prepared, height, width, margins, remaining: height * width });
  },

  /** Frees a tile that is not to be classified to its end. */
  closeTile({ key }: { key: number }): void {
    closeTile(key);
  },

  /**
   * Classifies one batch: segments of any number of tiles, all for one adapter. A tile whose last pixels it takes is closed, so that nothing of it is
   * left when its labels are there. Urgent calls, such as binding another adapter, pass between blocks.
   */
  async classify({ digest, segments, probabilities }: ClassifyArguments, context: MethodContext) {
    const tf = tensorflow();
    const binding = findBinding(digest);
    const patches = tf.tidy(() => {
      const parts = segments.map((segment) => {
        const tile = tiles.get(segment.key);
        if (tile === undefined) throw failure('INTERNAL', { reason: `tile ${segment.key} is not open` });
        const gathered = gatherPatches(tile.pixels, segmentIndices(tile, segment, binding.patchSize));
        tile.remaining -= segment.count;
        if (tile.remaining === 0) closeTile(segment.key);
        return gathered;
      });
      return parts.length === 1 ? parts[0]! : tf.concat(parts, 1);
    });
    inUse = binding;
    try {
      const result = await finishLettingUrgentPass(
        binding.classifyInSteps(patches, probabilities),
        context,
        'Classifying a batch',
      );
      return new Moved(result, [result.labels.buffer, result.confidence.buffer, result.probabilities.buffer]);
    } finally {
      inUse = undefined;
      if (bindings.get(digest) !== binding) binding.dispose();
      patches.dispose();
    }
  },
};

export interface ClassifyArguments {
  readonly digest: string;
  readonly segments: readonly TileSegment[];
  /** Returns the probabilities of all classes too. */
  readonly probabilities: boolean;
}

export interface BindArguments {
  /** `name@7`, for errors. */
  readonly reference: string;
  readonly digest: string;
  readonly blob: Uint8Array;
  readonly backboneDigest: string;
  readonly precision: Precision;
}

export interface PredictArguments {
  /** `[patches, components, side, side]` */
  readonly images: Float32Array;
  readonly backboneDigest: string;
  readonly precision: Precision;
  /** Name of its binding. */
  readonly adapter: string | undefined;
}

export type TileProgram = typeof program;
export default program;
