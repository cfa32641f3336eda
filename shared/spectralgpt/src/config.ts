import { z } from 'zod';

/**
 * Upper limits for configs from files: far above SpectralGPT huge, and low enough that a foreign config cannot exhaust
 * memory.
 */
const maximumTokens = 4096;
const count = z.number().int().positive().max(65_536);

/** Numbers that define one SpectralGPT encoder of the family; everything else follows from them. */
export const backboneConfigSchema = z
  .object({
    /** Token width. */
    width: count,
    /** Transformer blocks. */
    depth: count.max(256),
    heads: count,
    /** Side of the square input, in pixels. */
    imageSize: count.max(1024),
    /** Spectral components of the input. */
    components: count.max(1024),
    /** Side of a token, in pixels. */
    tokenSize: count,
    /** Components of a token. */
    tokenComponents: count,
    /** Width of the hidden layer of a block's perceptron, as a multiple of `width`. */
    mlpRatio: count,
    /**
     * `separate`: a spatial table shared by the component groups plus a table over groups, as pretraining has them;
     * `joint`: one table over all tokens.
     */
    positions: z.enum(['separate', 'joint']),
    /** Tokens that are averaged; the release leaves token 0 out (`x[:, 1:, :].mean(1)`). */
    pooling: z.enum(['skip-first', 'all']),
  })
  .strict()
  .refine(({ width, heads }) => width % heads === 0, { message: 'width must be a multiple of heads' })
  .refine(({ imageSize, tokenSize }) => imageSize % tokenSize === 0, {
    message: 'imageSize must be a multiple of tokenSize',
  })
  .refine(({ components, tokenComponents }) => components % tokenComponents === 0, {
    message: 'components must be a multiple of tokenComponents',
  })
  .refine(
    ({ imageSize, tokenSize, components, tokenComponents }) =>
      (imageSize / tokenSize) ** 2 * (components / tokenComponents) <= maximumTokens,
    { message: `it cuts a patch into more than ${maximumTokens} tokens` },
  );

export type BackboneConfig = Readonly<z.infer<typeof backboneConfigSchema>>;

const family = {
  imageSize: 32,
  components: 12,
  tokenSize: 8,
  tokenComponents: 3,
  mlpRatio: 4,
  positions: 'separate',
  pooling: 'skip-first',
} as const;

/** Sizes by name. Base, large and huge are the release's; mini is ours, small enough to ship. */
export const backboneConfigs = {
  mini: { ...family, width: 192, depth: 6, heads: 6, pooling: 'all' },
  base: { ...family, width: 768, depth: 12, heads: 12 },
  large: { ...family, width: 1024, depth: 24, heads: 16 },
  huge: { ...family, width: 1280, depth: 32, heads: 16 },
} as const satisfies Record<string, BackboneConfig>;

/** Tokens along one side of the image. */
export function tokensPerSide({ imageSize, tokenSize }: BackboneConfig): number {
  return imageSize / tokenSize;
}

/** Groups of components, each with its own grid of tokens. */
export function componentGroups({ components, tokenComponents }: BackboneConfig): number {
  return components / tokenComponents;
}

/** Tokens of one patch. */
export function tokenCount(config: BackboneConfig): number {
  return componentGroups(config) * tokensPerSide(config) ** 2;
}

/** Values of one token: its components × its pixels. */
export function tokenValues({ tokenSize, tokenComponents }: BackboneConfig): number {
  return tokenComponents * tokenSize ** 2;
}
