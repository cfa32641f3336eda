/** Pooling of a patch's tokens into the head's input. */
import { tensorflow, type Tensor2D, type Tensor4D } from '@hyperswap/tensor';
import { type Random } from '@hyperswap/random';
import type { VisibleTokens } from './embedding.js';
import { componentGroups, tokenCount, tokensPerSide, type BackboneConfig } from './config.js';
import { layerNorm } from './outer-layers.js';
import type { Weights } from './weights.js';

/**
 * Kinds of pooling:
 * - `mean`: the backbone's own, one mean over tokens, as in the release's classifier;
 * - `groups`: a mean for each group of components, concatenated, which one mean would blend;
 * - `groups-and-middle`: those, and the same means over the tokens around the pixel that is classified.
 *
 * The backbone's last norm applies to each mean separately.
 */
export const poolings = ['mean', 'groups', 'groups-and-middle'] as const;
export type Pooling = (typeof poolings)[number];

/** Returns the number of values that the head sees. */
export function pooledWidth(config: BackboneConfig, pooling: Pooling): number {
  const means = { mean: 1, groups: componentGroups(config), 'groups-and-middle': 2 * componentGroups(config) };
  return means[pooling] * config.width;
}

/**
 * Returns the positions of the tokens around the middle of an image, within one group: four, or one if the side is odd.
 */
function middlePlaces(config: BackboneConfig): number[] {
  const side = tokensPerSide(config);
  const lines = side % 2 === 1 ? [(side - 1) / 2] : [side / 2 - 1, side / 2];
  return lines.flatMap((row) => lines.map((column) => row * side + column));
}

/**
 * Pools tokens.
 *
 * @param x `[patches · tokens, width]`
 * @param shown tokens in `x`, from `randomTokens`; all by default
 * @returns `[patches, pooledWidth]`
 */
export function pool(
  x: Tensor2D,
  config: BackboneConfig,
  weights: Weights,
  pooling: Pooling = 'mean',
  shown?: VisibleTokens,
): Tensor2D {
  const tf = tensorflow();
  const { width } = config;
  const tokens = shown?.visible ?? tokenCount(config);
  const groups = componentGroups(config);
  return tf.tidy(() => {
    if (pooling === 'mean') {
      const grid = tf.reshape(x, [-1, tokens, width]);
      const isWhole = shown === undefined;
      const used = isWhole && config.pooling === 'skip-first' ? tf.slice(grid, [0, 1, 0], [-1, tokens - 1, -1]) : grid;
      return layerNorm(tf.mean(used, 1) as Tensor2D, weights, 'norm');
    }
    const grid = tf.reshape(x, [-1, groups, tokens / groups, width]) as Tensor4D;
    const parts = [tf.mean(grid, 2)];
    if (pooling === 'groups-and-middle') {
      const middle =
        shown === undefined
          ? tf.gather(grid, tf.tensor1d(middlePlaces(config), 'int32'), 2)
          : tf.slice(grid, [0, 0, 0, 0], [-1, -1, shown.middle ?? 0, -1]);
      parts.push(tf.mean(middle, 2));
    }
    const rows = tf.reshape(tf.concat(parts, 1), [-1, width]) as Tensor2D;
    return tf.reshape(layerNorm(rows, weights, 'norm'), [-1, pooledWidth(config, pooling)]);
  });
}

/**
 * Draws tokens of each patch at random: the same number from every group, and from the tokens around the middle, so
 * that every mean gets its share. The order is group by group, middle tokens first.
 *
 * @param hiddenShare of the tokens that are left out
 */
export function randomTokens(
  patches: number,
  config: BackboneConfig,
  hiddenShare: number,
  random: Random,
): VisibleTokens {
  const tokens = tokenCount(config);
  const groups = componentGroups(config);
  const perGroup = tokens / groups;
  const middle = Int32Array.from(middlePlaces(config));
  const rest = Int32Array.from({ length: perGroup }, (_, place) => place).filter((place) => !middle.includes(place));
  const shownOf = (all: Int32Array): number =>
    Math.min(all.length, Math.max(1, Math.round(all.length * (1 - hiddenShare))));
  const visible = groups * (shownOf(middle) + shownOf(rest));
  const visibleRows = new Int32Array(patches * visible);
  let position = 0;
  for (let patch = 0; patch < patches; patch++) {
    for (let group = 0; group < groups; group++) {
      for (const places of [middle, rest]) {
        for (const place of random.shuffle(places).subarray(0, shownOf(places))) {
          visibleRows[position++] = patch * tokens + group * perGroup + place;
        }
      }
    }
  }
  return { visible, visibleRows, middle: shownOf(middle) };
}
