/** Features averaged along walks: weighted sums over pixels that come in batches. */
import { residentBackbone, resizeMatrix, type Pooling } from '@hyperswap/spectralgpt';
import { Moved, tensorflow, type MethodContext, type Precision } from '@hyperswap/tensor';
import type { Normalizer } from '../normalizer.js';
import { featuresOfAll, frozenExtractor } from './learners.js';
import { uploadPatches } from './upload-patches.js';

/** Shares of a batch's patches in sums, one entry a patch and sum that it is in. */
export interface PatchShares {
  /** Place of the patch in its batch. */
  readonly patches: Int32Array;
  /** Row of the sum. */
  readonly rows: Int32Array;
  readonly shares: Float32Array;
}

export interface SumArguments {
  /** Name of the sums, which the caller gave them. */
  readonly name: string;
  /** Digest of the resident backbone. */
  readonly digest: string;
  readonly precision: Precision;
  readonly pooling: Pooling;
  readonly patchSize: number;
  readonly normalizer: Normalizer;
  /** `[patches, patchSize, patchSize, components]` */
  readonly scores: Float32Array;
  readonly parts: PatchShares;
  /** Rows of the sums. */
  readonly rows: number;
}

/** Sums that are not complete yet, `[rows, pooledWidth]`, by their names. */
const sums = new Map<string, Float32Array>();

/** Computes features of a batch of patches with the frozen backbone, and adds them to sums. @throws CANCELLED */
export async function sumFeatures(
  { name, digest, precision, pooling, patchSize, normalizer, scores, parts, rows: count }: SumArguments,
  context: MethodContext,
): Promise<void> {
  const tf = tensorflow();
  const resident = residentBackbone(digest, precision);
  const resize = resizeMatrix(patchSize, resident.backbone.config);
  const uploaded = uploadPatches(scores, normalizer, { patchSize, margin: 0 });
  try {
    const extract = frozenExtractor({ resident, pooling });
    const tensor = await featuresOfAll({ resize, resident, context }, uploaded, extract, 0);
    const [features, width] = [tensor.dataSync() as Float32Array, tensor.shape[1]];
    tensor.dispose();
    const sum = sums.get(name) ?? new Float32Array(count * width);
    sums.set(name, sum);
    const { patches, rows, shares } = parts;
    for (let part = 0; part < shares.length; part++) {
      const [from, to, share] = [patches[part]! * width, rows[part]! * width, shares[part]!];
      for (let f = 0; f < width; f++) sum[to + f]! += share * features[from + f]!;
    }
  } finally {
    tf.dispose([resize, uploaded.pixels]);
  }
}

/** Returns complete sums, `[rows, pooledWidth]`, and forgets them; empty where nothing was added. */
export function takeSums({ name }: Pick<SumArguments, 'name'>): Moved<Float32Array> {
  const sum = sums.get(name) ?? new Float32Array(0);
  sums.delete(name);
  return new Moved(sum, [sum.buffer]);
}
