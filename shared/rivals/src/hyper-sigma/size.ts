/** Sizes of HyperSIGMA, and what its released program has beside the network that reaches the result. */

/** Numbers that define one network. */
export interface HyperSigmaSize {
  /** Width of a token. */
  readonly width: number;
  readonly heads: number;
  /** Points that a head of a query attends to in blocks with sampling attention. */
  readonly points: number;
  /** Width of a perceptron's hidden layer, as a multiple of `width`. */
  readonly mlpRatio: number;
  /** Principal components of a window. */
  readonly components: number;
  /** Tokens of the spectral encoder, a square number. */
  readonly spectralTokens: number;
  /** Width to which the fusion reduces tokens; the head has four, two and one times as much. */
  readonly reduced: number;
}

/** The base networks, as the paper counts them: SpatViT-B and SpecViT-B. */
export const baseSize: HyperSigmaSize = {
  ...{ width: 768, heads: 12, points: 8, mlpRatio: 4 },
  ...{ components: 30, spectralTokens: 100, reduced: 128 },
};

/** Side of a window in pixels. */
export const windowSide = 33;
/**
 * Side of a spatial token in pixels. The paper's count of parameters holds for this one alone; its notebook takes 2.
 */
export const tokenSide = 8;
/** Spatial tokens along one side of a window; the last pixel of a row and column is not read. */
export const gridSide = Math.floor(windowSide / tokenSide);
export const spatialTokens = gridSide ** 2;

/**
 * Spatial blocks between two taps: states after blocks 4, 6, 8 and 12 reach the result. `pool` is the side of the
 * squares of tokens whose largest values are taken before the mean, as the release does it at tokens of 8 pixels.
 */
export const spatialStages = [
  { first: 0, depth: 4, pool: 1 },
  { first: 4, depth: 2, pool: 1 },
  { first: 6, depth: 2, pool: 2 },
  { first: 8, depth: 4, pool: 4 },
] as const;
/** Spectral blocks that reach the result. The release computes eight more. */
export const spectralDepth = 4;
const releasedDepth = 12;

/**
 * Returns true for blocks that attend to all tokens, every third; the others attend to sampled points.
 *
 * @param block from 0
 */
export function attendsToAll(block: number): boolean {
  return (block + 1) % 3 === 0;
}

/** Returns the values of a block. @param block from 0 */
function blockParameters({ width, heads, points, mlpRatio }: HyperSigmaSize, block: number): number {
  const layer = (from: number, to: number): number => from * to + to;
  const offsets = attendsToAll(block) ? 0 : layer(width, heads * points * 2);
  const perceptron = layer(width, mlpRatio * width) + layer(mlpRatio * width, width);
  return 4 * width + 4 * layer(width, width) + offsets + perceptron;
}

/**
 * Returns the values of the released program that never reach its result, at the base size: spectral blocks 5 to 12,
 * their convolutions of queries, keys and values, the last norms, three classifiers of the spatial encoder, and two
 * convolutions of the fusion.
 */
export function unusedParameters(classes: number): number {
  const { width, spectralTokens, reduced } = baseSize;
  const blocks = Array.from({ length: releasedDepth - spectralDepth }, (_, i) => i + spectralDepth);
  const layer = (from: number, to: number): number => from * to + to;
  const classifier = (from: number): number => layer(from, 128) + layer(128, 64) + layer(64, classes);
  return (
    blocks.reduce((sum, block) => sum + blockParameters(baseSize, block), 0) +
    3 * 4 * layer(spectralTokens, spectralTokens) +
    2 * 2 * width +
    (classifier(64 * width) + classifier(4 * width) + layer(4 * width, classes)) +
    (width * 64 + layer(4 * reduced, reduced))
  );
}
