import { failure } from '@hyperswap/errors';
import type { PreparationThread, BlockSource } from './block-pass.js';
import { passOverBlocks } from './block-pass.js';
import type { Coordinates, CovarianceSums } from './covariance.js';
import { toPca, type Components, type Pca } from './pca.js';
import type { PixelRule } from './valid-pixels.js';

/** Most groups of blocks that are summed by themselves, and so the most threads. */
const mostLanes = 8;
/** Bytes of the sums of all lanes at most, unless a single lane has more. */
const laneBytes = 192 * 1024 * 1024;

/** Outcome of the first pass over a scene. */
export interface FittedScene {
  readonly pca: Pca;
  /** sha-256 of each block's values. */
  readonly digests: readonly string[];
}

export interface FitContext {
  readonly threads: readonly PreparationThread[];
  readonly rule: PixelRule;
  /** Name of the scene, for errors. */
  readonly scene: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (stage: string, done: number, total: number) => void;
}

/**
 * Fits the principal components of a scene's pixels with data. The blocks, and the order in which their sums are
 * merged, do not depend on the threads, so that the result is the same to the last bit on any machine.
 *
 * @param count of components, at most the number of good bands
 * @throws NO_VALID_PIXELS, OBJECT_DAMAGED, CANCELLED
 */
export async function fitPca(source: BlockSource, count: number, context: FitContext): Promise<FittedScene> {
  const { layout } = source;
  const { threads, rule } = context;
  const [first] = threads;
  if (layout.height * layout.width < rule.goodBands.length) {
    const blocks = await Promise.all(Array.from({ length: layout.blocks }, (_, block) => source.read(block)));
    const { components, digests } = await first!.call('fitFewPixels', { blocks, count });
    if (components === undefined) throw noPixels(source, context);
    return { pca: toPca(components, rule), digests };
  }
  const coordinates = { origin: await originOf(source, context) };
  const { sums, digests } = await sumLanes(source, coordinates, 'fitting the PCA', context);
  const { components, rotated } = await first!.call('fit', { sums, coordinates, count }, buffersOf(sums));
  const exact = rotated === undefined ? components : await refine(source, rotated, count, context);
  return { pca: toPca(exact, rule), digests };
}

/** Sums the covariance once more, in the coordinates that the first sums gave. */
async function refine(
  source: BlockSource,
  coordinates: Coordinates,
  count: number,
  context: FitContext,
): Promise<Components> {
  const { sums } = await sumLanes(source, coordinates, 'refining the PCA', context);
  return context.threads[0]!.call('fitRotated', { sums, coordinates, count }, buffersOf(sums));
}

/** Returns the mean of the first block that has pixels with data. @throws NO_VALID_PIXELS */
async function originOf(source: BlockSource, context: FitContext): Promise<Float64Array> {
  for (let block = 0; block < source.layout.blocks; block++) {
    const { count, mean } = await context.threads[0]!.call('meanOfBlock', await source.read(block));
    if (count > 0) return mean;
  }
  throw noPixels(source, context);
}

async function sumLanes(
  source: BlockSource,
  coordinates: Coordinates,
  stage: string,
  { threads, rule, signal, onProgress }: FitContext,
): Promise<{ readonly sums: CovarianceSums[]; readonly digests: string[] }> {
  const { blocks } = source.layout;
  const lanes = laneCount(rule.goodBands.length, blocks);
  const groups = Array.from({ length: lanes }, (_, lane) =>
    Array.from({ length: Math.ceil((blocks - lane) / lanes) }, (__, i) => lane + i * lanes),
  );
  const digests = new Array<string>(blocks);
  const owners = new Map<number, PreparationThread>();
  await Promise.all(threads.map((thread) => thread.call('beginSums', coordinates)));
  let done = 0;
  await passOverBlocks(source, {
    groups,
    threads,
    signal,
    use: async (thread, given, lane) => {
      owners.set(lane, thread);
      digests[given.block] = (await thread.call('sumBlock', { ...given, lane })).digest;
    },
    onBlock: () => onProgress(stage, ++done, blocks),
  });
  const sums: CovarianceSums[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    const taken = await owners.get(lane)!.call('takeLane', lane);
    if (taken !== undefined) sums.push(taken);
  }
  return { sums, digests };
}

/** Returns the number of lanes, which follows from the scene alone. */
export function laneCount(goodBands: number, blocks: number): number {
  const bytesOfLane = 2 * goodBands ** 2 * Float64Array.BYTES_PER_ELEMENT;
  return Math.max(1, Math.min(mostLanes, blocks, Math.floor(laneBytes / bytesOfLane)));
}

function buffersOf(sums: readonly CovarianceSums[]): ArrayBuffer[] {
  return sums.flatMap(({ sums: own, products }) =>
    [own.high, own.low, products.high, products.low].map(({ buffer }) => buffer as ArrayBuffer),
  );
}

function noPixels({ layout }: BlockSource, { scene }: FitContext): Error {
  return failure('NO_VALID_PIXELS', { scene, pixels: layout.height * layout.width });
}
