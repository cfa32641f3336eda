import { tokenCount, type BackboneConfig } from '@hyperswap/spectralgpt';
import type { AdmittedAdapter } from './binding-table.js';
import type { WorkGroup } from './scheduler/work.js';

const largest = 128;
/** Minimum batch size. Smaller matrix products are inefficient. */
const smallest = 8;
/**
 * Multiplications and additions of one batch on a processor: half a second in int8 on 2 cores, one second in bfloat16.
 * Swaps and small tiles do not wait that long: they run between two of its blocks.
 */
const batchFlops = 350e9;
/** Bytes of the gathered pixels of a batch, before they are resized. */
const batchPixelBytes = 32 * 1024 * 1024;

/** Multiplications and additions of a patch in the blocks' layers: q, k, v, proj, and the perceptron's two. */
function blockFlops(config: BackboneConfig): number {
  const { width, depth, mlpRatio } = config;
  return 2 * tokenCount(config) * depth * (4 + 2 * mlpRatio) * width ** 2;
}

/**
 * Returns the cost of a patch that already has the backbone's input shape, relative to a patch of an ordinary adapter
 * of the served backbone, which costs 1.
 *
 * @param key of the work that may share a batch
 * @param config of the backbone that they run on
 */
export function imageGroup(key: string, config: BackboneConfig, served: BackboneConfig): WorkGroup {
  const { components, imageSize } = config;
  const cost = Math.max(1, Math.round((4 * blockFlops(config)) / blockFlops(served))) / 4;
  return { key, cost, batchPatches: Math.max(1, Math.floor(batchPixelBytes / (4 * components * imageSize ** 2))) };
}

/** Returns the patches of a full batch of an ordinary adapter. @param device of the engine */
export function suitableBatch(config: BackboneConfig, device: 'cpu' | 'gpu'): number {
  if (device === 'gpu') return largest;
  return Math.min(largest, Math.max(smallest, Math.floor(batchFlops / blockFlops(config))));
}

/**
 * Returns the cost of an adapter's patches: each of its views passes the backbone, and resizing a large patch takes as
 * much time as some of the blocks. Costs are multiples of a quarter; an ordinary patch costs 1. Adapters that need the
 * same backbone pass share batches.
 */
export function adapterGroup(
  adapter: Pick<AdmittedAdapter, 'digest' | 'patchSize' | 'views' | 'method' | 'pooling'>,
  config: BackboneConfig,
): WorkGroup {
  const { patchSize, views } = adapter;
  const { components, imageSize } = config;
  const resizeFlops = 2 * components * patchSize ** 2 * imageSize ** 2;
  const cost = (views * Math.max(4, Math.round(4 * (1 + resizeFlops / blockFlops(config))))) / 4;
  const batchPatches = Math.max(1, Math.floor(batchPixelBytes / (4 * components * patchSize ** 2)));
  return { key: backboneWork(adapter), cost, batchPatches };
}

/**
 * Returns the key of an adapter's backbone pass. Linear probes do not change the backbone, so that one pass serves many
 * of them.
 */
function backboneWork({
  digest,
  method,
  patchSize,
  views,
  pooling,
}: Pick<AdmittedAdapter, 'digest' | 'patchSize' | 'views' | 'method' | 'pooling'>): string {
  return method === 'linear-probe' ? `unchanged ${patchSize} ${views} ${pooling}` : digest;
}
