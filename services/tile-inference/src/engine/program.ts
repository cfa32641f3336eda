/**
 * Program of tile-inference in the executor's worker. It holds bindings and open tiles; from tile to labels, all data
 * stays on the device.
 */
import { Binding, readAdapter, type Classification } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import { reflect } from '@hyperswap/raster';
import {
  featuresInSteps,
  gatherPatches,
  imageTokens,
  learningPrecision,
  lendResident,
  limitResidents,
  makeServable,
  residentBackbone,
  returnResident,
  servingPrecision,
  unheldBytes,
  type Backbone,
  type PrecisionChoice,
  type Residence,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import {
  finishLettingUrgentPass,
  Moved,
  tensorflow,
  type MethodContext,
  type Precision,
  type Steps,
  type Tensor2D,
} from '@hyperswap/tensor';

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
const bindings = new Map<string, Binding>();
/**
 * Backbones that have run once. Kernels are compiled per shape, so only the first adapter of a backbone needs a
 * warm-up.
 */
const warm = new WeakSet<ResidentBackbone>();
const tiles = new Map<number, OpenTile>();
/**
 * Number of running batches of each binding. A binding that is unbound between two blocks is freed after its last
 * batch.
 */
const inUse = new Map<Binding, number>();
/** Values of a tile that are normalised at once: a large tile of many bands would take several times its memory. */
const valuesAtOnce = 4 * 1024 * 1024;

function findBinding(digest: string): Binding {
  const binding = bindings.get(digest);
  if (binding === undefined) throw failure('INTERNAL', { reason: `adapter ${digest} is not bound` });
  return binding;
}

/** Runs a batch of a binding, and keeps the binding until the end of the batch. */
async function using<Result>(digest: string, run: (binding: Binding) => Promise<Result>): Promise<Result> {
  const binding = findBinding(digest);
  inUse.set(binding, (inUse.get(binding) ?? 0) + 1);
  try {
    return await run(binding);
  } finally {
    const others = inUse.get(binding)! - 1;
    if (others > 0) inUse.set(binding, others);
    else inUse.delete(binding);
    if (others === 0 && bindings.get(digest) !== binding) binding.dispose();
  }
}

/** Pixels of a tile as the backbone takes them, `[components, pixels]`. */
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

/** Runs a batch of several bindings, and keeps them until the end of the batch. */
async function usingAll<Result>(digests: readonly string[], run: () => Promise<Result>): Promise<Result> {
  const [first, ...others] = digests;
  return first === undefined ? run() : using(first, () => usingAll(others, run));
}

/**
 * Opens tiles and gathers the patches of a batch, `[components, patches · patchSize²]`. A tile whose last pixels it
 * takes is closed.
 */
function* gatherBatch({ open, segments }: ClassifyArguments): Steps<Tensor2D> {
  const tf = tensorflow();
  for (const tile of open) {
    const { key, height, width, margins, chosen, rowStep = 1 } = tile;
    const pixels = yield* normalised(tile, findBinding(tile.digest));
    const remaining = chosen?.length ?? height * width;
    tiles.set(key, { pixels, height, width, margins, rowStep, chosen, remaining });
  }
  return tf.tidy(() => {
    const parts = segments.map((segment) => {
      const tile = tiles.get(segment.key);
      if (tile === undefined) throw failure('INTERNAL', { reason: `tile ${segment.key} is not open` });
      const gathered = gatherPatches(tile.pixels, segmentIndices(tile, segment, findBinding(segment.digest).patchSize));
      tile.remaining -= segment.count;
      if (tile.remaining === 0) closeTile(segment.key);
      return gathered;
    });
    return parts.length === 1 ? parts[0]! : tf.concat(parts, 1);
  });
}

/**
 * A batch from tiles to labels, a step a block of the backbone. The backbone runs once for all adapters, and each has
 * its own head.
 */
function* classifyBatch(args: ClassifyArguments): Steps<Classification> {
  const { segments, probabilities } = args;
  const owners = segments.map(({ digest }) => findBinding(digest));
  const patches = yield* gatherBatch(args);
  let views: readonly Tensor2D[] = [];
  try {
    views = yield* owners[0]!.featuresOfViews(patches);
    const parts: Classification[] = [];
    for (let [index, row] = [0, 0]; index < segments.length;) {
      const owner = owners[index]!;
      let rows = 0;
      for (; index < segments.length && owners[index] === owner; index++) rows += segments[index]!.count;
      parts.push(owner.classifyFeatures(views, { first: row, count: rows }, probabilities));
      row += rows;
    }
    return joined(parts);
  } finally {
    tensorflow().dispose([patches, ...views]);
  }
}

/** Puts classifications one behind the other. */
function joined(parts: readonly Classification[]): Classification {
  if (parts.length === 1) return parts[0]!;
  const join = (plane: keyof Classification): Uint8Array => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part[plane].length, 0));
    let place = 0;
    for (const part of parts) {
      all.set(part[plane], place);
      place += part[plane].length;
    }
    return all;
  };
  return { labels: join('labels'), confidence: join('confidence'), probabilities: join('probabilities') };
}

function closeTile(key: number): void {
  tiles.get(key)?.pixels.dispose();
  tiles.delete(key);
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

/** Rows of patches, a step a block of the backbone: logits of a binding, or without one the features. */
function* predictRows(images: Float32Array, resident: ResidentBackbone, binding: Binding | undefined): Steps<Tensor2D> {
  const pixels = tensorflow().tidy(() => imageTokens(images, resident.backbone.config));
  try {
    return yield* binding === undefined ? featuresInSteps(pixels, resident) : binding.logitsOfTokensInSteps(pixels);
  } finally {
    pixels.dispose();
  }
}

const program = {
  /** Resolves a precision for a backbone without a measured int8 error. @throws FIELD_INVALID */
  precisionOf({ choice }: { choice: PrecisionChoice }): Precision {
    return choice === 'auto' ? learningPrecision(choice) : servingPrecision(choice);
  },

  /** Sets the memory of backbones that are not held. */
  limitBackbones({ bytes }: { bytes: number }): void {
    limitResidents(bytes);
  },

  /** Returns the memory of backbones that are not held. */
  backboneBytes(): number {
    return unheldBytes();
  },

  /**
   * Loans a backbone until it is returned. Batches run between the blocks of a load.
   *
   * @returns false when it is not there, and none is given
   */
  async lendBackbone({ digest, precision, backbone }: LendArguments, context: MethodContext): Promise<boolean> {
    return lendResident(digest, precision, backbone, () => context.pause());
  },

  returnBackbone({ digest, precision }: Pick<LendArguments, 'digest' | 'precision'>): void {
    returnResident(digest, precision);
  },

  /**
   * Holds a backbone to serve. `auto` takes another precision than int8 when that errs too much on this backbone.
   *
   * @throws FIELD_INVALID
   */
  makeResident({ backbone, precision: choice }: { backbone: Backbone; precision: PrecisionChoice }): Residence {
    return makeServable(backbone, choice);
  },

  /**
   * Builds an adapter's binding, and runs the backbone's first one once, so that its first tile is as fast as the
   * others.
   *
   * @returns bytes of what the binding owns
   */
  bind({ reference, digest, blob, backboneDigest, precision }: BindArguments): number {
    const known = bindings.get(digest);
    if (known !== undefined) return known.bytes;
    const resident = residentBackbone(backboneDigest, precision);
    const binding = new Binding(reference, readAdapter(reference, blob), resident);
    if (!warm.has(resident)) {
      const sample: Tensor2D = tensorflow().zeros([resident.backbone.config.components, binding.patchSize ** 2]);
      binding.classify(sample);
      sample.dispose();
      warm.add(resident);
    }
    bindings.set(digest, binding);
    return binding.bytes;
  },

  /**
   * Logits of a bound adapter, or without one the pooled, normalised features. Urgent calls pass between blocks.
   *
   * @returns row by row, `[patches, classes]` or `[patches, width]`
   */
  async predict({ images, backboneDigest, precision, adapter }: PredictArguments, context: MethodContext) {
    // The backbone stays loaded until the call ends, even if the loan ends earlier.
    await lendResident(backboneDigest, precision, undefined, () => context.pause());
    try {
      const resident = residentBackbone(backboneDigest, precision);
      const run = (binding?: Binding): Promise<Tensor2D> =>
        finishLettingUrgentPass(predictRows(images, resident, binding), context, 'Predicting a batch');
      const rows = await (adapter === undefined ? run() : using(adapter, run));
      const values = rows.dataSync() as Float32Array;
      const [, columns] = rows.shape;
      rows.dispose();
      return new Moved({ columns, values }, [values.buffer]);
    } finally {
      returnResident(backboneDigest, precision);
    }
  },

  /** Frees a binding, or marks it to be freed after its last batch. */
  unbind({ digest }: { digest: string }): void {
    const binding = bindings.get(digest);
    bindings.delete(digest);
    if (binding !== undefined && !inUse.has(binding)) binding.dispose();
  },

  /** Frees a tile that is not to be classified to its end. */
  closeTile({ key }: { key: number }): void {
    closeTile(key);
  },

  /**
   * Classifies one batch: segments of any number of tiles, of adapters for which the backbone does the same. A tile
   * whose last pixels it takes is closed, so that nothing of it is left when its labels are there. Urgent calls, such
   * as binding another adapter, pass between blocks.
   */
  async classify(args: ClassifyArguments, context: MethodContext) {
    return usingAll([...new Set(args.segments.map(({ digest }) => digest))], async () => {
      const result = await finishLettingUrgentPass(classifyBatch(args), context, 'Classifying a batch');
      return new Moved(result, [result.labels.buffer, result.confidence.buffer, result.probabilities.buffer]);
    });
  },
};

export interface ClassifyArguments {
  /** Tiles of the segments that come for the first time. */
  readonly open: readonly TileToOpen[];
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

export interface LendArguments {
  readonly digest: string;
  readonly precision: Precision;
  /** Backbone to load; undefined to loan it only if it is loaded already. */
  readonly backbone: Backbone | undefined;
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
