/** Normalisation of scores to the scale that the backbone expects. The adapter stores its numbers. */
import type { ComponentStatistics } from '@hyperswap/proto';

export const normalizerNames = ['scene', 'bigearthnet', 'min-max'] as const;
export type NormalizerName = (typeof normalizerNames)[number];

export interface Normalizer {
  /** Subtracted from the scores, `[components]`. */
  readonly mean: Float32Array;
  /** Divides the scores after the subtraction, `[components]`. */
  readonly deviation: Float32Array;
}

/**
 * Statistics of the twelve Sentinel-2 bands of BigEarthNet (Sumbul et al. 2019, arXiv:1902.06148), as in the release's
 * fine-tuning code.
 */
const bigEarthNet = {
  mean: [
    1370.19151926, 1184.3824625, 1120.77120066, 1136.26026392, 1263.73947144, 1645.40315151, 1846.87040806,
    1762.59530783, 1972.62420416, 582.72633433, 1732.16362238, 1247.91870117,
  ],
  deviation: [
    633.15169573, 650.2842772, 712.12507725, 965.23119807, 948.9819932, 1108.06650639, 1258.36394548, 1233.1492281,
    1364.38688993, 472.37967789, 1310.36996126, 1087.6020813,
  ],
} as const;

/**
 * Returns a normaliser:
 * - `scene`: mean 0 and standard deviation 1 over the scene, component by component, as in the pretraining of
 *   spectralgpt-mini;
 * - `bigearthnet`: the paper's, statistics of Sentinel-2 bands, for any components;
 * - `min-max`: 0 to 1 over the scene, the paper's for LongKou.
 */
export function makeNormalizer(name: NormalizerName, statistics: readonly ComponentStatistics[]): Normalizer {
  const each = (value: (statistics: ComponentStatistics, component: number) => number): Float32Array =>
    Float32Array.from(statistics, value);
  switch (name) {
    // A component without spread carries no information; it stays zero.
    case 'scene':
      return { mean: each(({ mean }) => mean), deviation: each(({ deviation }) => deviation || 1) };
    case 'bigearthnet':
      return {
        mean: each((_, component) => bigEarthNet.mean[component] ?? 0),
        deviation: each((_, component) => bigEarthNet.deviation[component] ?? 1),
      };
    case 'min-max':
      return {
        mean: each(({ minimum }) => minimum),
        deviation: each(({ minimum, maximum }) => maximum - minimum || 1),
      };
  }
}
