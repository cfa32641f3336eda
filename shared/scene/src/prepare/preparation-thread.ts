/** Thread for the computations of a preparation. */
import { createHash } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { failure } from '@hyperswap/errors';
import { decodeBlock } from '../codec/block-codec.js';
import { bytesOfBlock, rowsOfBlock, storedTypes, type SceneLayout, type StoredArray } from '../layout.js';
import { serveOperations, Transferred } from '../threads/serve-operations.js';
import { CovarianceAccumulator, CovarianceKernel, type Coordinates, type CovarianceSums } from './covariance.js';
import { decodePlane } from '../codec/plane-codec.js';
import { maskLabels, type MaskedLabels } from './mask-labels.js';
import { fitCovariance, fitFewPixels, fitRotated, type Components, type FirstFit, type Pca } from './pca.js';
import { PlaneProjector, type ProjectedBlock } from './projection.js';
import { maskPixels, type PixelRule } from './valid-pixels.js';

export interface PreparationThreadData {
  readonly layout: SceneLayout;
  readonly rule: PixelRule;
}

/** Block as it is stored. */
export interface StoredBlock {
  readonly block: number;
  /** Key of the object, for errors. */
  readonly key: string;
  readonly stored: Uint8Array;
}

const { layout, rule } = workerData as PreparationThreadData;
const good = rule.goodBands.length;

let kernel: CovarianceKernel | undefined;
const lanes = new Map<number, CovarianceAccumulator>();
let projector: PlaneProjector | undefined;

const operations = {
  /** Mean of a block's pixels with data, `[good bands]`, and their number. */
  meanOfBlock: async (given: StoredBlock): Promise<{ readonly count: number; readonly mean: Float64Array }> => {
    const { values, mask, valid } = await open(given);
    const mean = new Float64Array(good);
    for (let pixel = 0; pixel < mask.length; pixel++) {
      if (mask[pixel] === 0) continue;
      for (let place = 0; place < good; place++) mean[place]! += values[pixel * rule.bands + rule.goodBands[place]!]!;
    }
    return { count: valid, mean: mean.map((sum) => sum / valid) };
  },

  /** Begins to sum covariances, in coordinates. */
  beginSums: (coordinates: Coordinates): void => {
    kernel = new CovarianceKernel(rule, coordinates);
    lanes.clear();
  },

  /** Adds a block to a lane. Returns the number of its pixels with data, and the digest of its values. */
  sumBlock: async ({
    lane,
    ...given
  }: StoredBlock & { readonly lane: number }): Promise<{ readonly valid: number; readonly digest: string }> => {
    const { values, bytes, mask, valid } = await open(given);
    const accumulator = lanes.get(lane) ?? new CovarianceAccumulator(good);
    lanes.set(lane, accumulator);
    kernel!.add(values, mask, accumulator);
    return { valid, digest: createHash('sha256').update(bytes).digest('hex') };
  },

  /** Transfers the sums of a lane; undefined if no block was added. */
  takeLane: (lane: number): Transferred<CovarianceSums | undefined> => {
    const accumulator = lanes.get(lane);
    lanes.delete(lane);
    if (accumulator === undefined) return new Transferred(undefined, []);
    const { count, sums, products } = accumulator;
    const plain = {
      count,
      sums: { high: sums.high, low: sums.low },
      products: { high: products.high, low: products.low },
    };
    const buffers = [sums.high, sums.low, products.high, products.low].map(({ buffer }) => buffer as ArrayBuffer);
    return new Transferred(plain, buffers);
  },

  /** Components of merged lanes. Also without coordinates: the first pass's. */
  fit: ({ sums, coordinates, count }: FitArguments): FirstFit => fitCovariance(merged(sums), coordinates, count),

  /** Components of lanes that were summed in rotated coordinates. */
  fitRotated: ({ sums, coordinates, count }: FitArguments): Components => fitRotated(merged(sums), coordinates, count),

  /** Components of a scene with fewer pixels than good bands, with the digests of its blocks. */
  fitFewPixels: async ({
    blocks,
    count,
  }: {
    readonly blocks: readonly StoredBlock[];
    readonly count: number;
  }): Promise<{ readonly components: Components | undefined; readonly digests: readonly string[] }> => {
    const spectra: number[] = [];
    const digests: string[] = [];
    for (const given of blocks) {
      const { values, bytes, mask } = await open(given);
      digests.push(createHash('sha256').update(bytes).digest('hex'));
      for (let pixel = 0; pixel < mask.length; pixel++) {
        if (mask[pixel] === 0) continue;
        for (const band of rule.goodBands) spectra.push(values[pixel * rule.bands + band]!);
      }
    }
    if (spectra.length === 0) return { components: undefined, digests };
    return { components: fitFewPixels(Float64Array.from(spectra), good, count), digests };
  },

  /** Begins to project on the components of a PCA. */
  beginProjection: (pca: Pca): void => {
    kernel = undefined;
    lanes.clear();
    projector = new PlaneProjector(layout, rule, pca);
  },

  /** Projects a block; all blocks of a plane come to the same thread, in their order. */
  projectBlock: async (given: StoredBlock): Promise<Transferred<ProjectedBlock>> => {
    const { values } = await open(given);
    const projected = projector!.add(given.block, values);
    return new Transferred(
      projected,
      projected.chunks.map(({ content }) => content.buffer),
    );
  },

  /** sha-256 of a plane of labels, and its largest label. */
  readLabels: (plane: StoredPlane): { readonly digest: string; readonly largest: number } => {
    const labels = readPlane(plane);
    const largest = labels.reduce((most, label) => Math.max(most, label), 0);
    return { digest: createHash('sha256').update(labels).digest('hex'), largest };
  },

  /** Takes labels away from pixels without data. */
  maskLabels: ({ labels, mask }: PlaneOfLabels): MaskedLabels => maskLabels(readPlane(labels), readPlane(mask)),
};

/** Object of a plane. */
export interface StoredPlane {
  /** Key of the object, for errors. */
  readonly key: string;
  readonly stored: Uint8Array;
}

export interface PlaneOfLabels {
  readonly labels: StoredPlane;
  readonly mask: StoredPlane;
}

export interface FitArguments {
  readonly sums: readonly CovarianceSums[];
  readonly coordinates: Coordinates;
  readonly count: number;
}

export type PreparationOperations = typeof operations;

/**
 * Returns the values of a stored block, without rows beyond the scene, their bytes and their mask.
 *
 * @throws OBJECT_DAMAGED
 */
async function open({ block, key, stored }: StoredBlock): Promise<{
  readonly values: StoredArray;
  readonly bytes: Uint8Array;
  readonly mask: Uint8Array;
  readonly valid: number;
}> {
  const all = await decodeBlock(stored, bytesOfBlock(layout)).catch((cause: unknown) => {
    throw failure('OBJECT_DAMAGED', { key, reason: (cause as Error).message }, cause);
  });
  const type = storedTypes[layout.type];
  const mask = new Uint8Array(rowsOfBlock(layout, block) * layout.width);
  const values = new type(all.buffer).subarray(0, mask.length * layout.bands) as StoredArray;
  const bytes = all.subarray(0, values.byteLength);
  return { values, bytes, mask, valid: maskPixels(values, rule, mask) };
}

/** Returns the pixels of a plane. @throws OBJECT_DAMAGED */
function readPlane({ key, stored }: StoredPlane): Uint8Array {
  try {
    return decodePlane(stored, layout.planeRows * layout.width);
  } catch (cause) {
    throw failure('OBJECT_DAMAGED', { key, reason: (cause as Error).message }, cause);
  }
}

/** Returns the sums of all lanes, which are merged in their order. */
function merged(sums: readonly CovarianceSums[]): CovarianceAccumulator {
  const total = new CovarianceAccumulator(good);
  for (const lane of sums) total.merge(lane);
  return total;
}

serveOperations(operations);
