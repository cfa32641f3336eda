/** Adapters that nobody trained. */
import { formatVersion, type AdapterMetadata } from '@hyperswap/adapter';

export interface MadeUp {
  readonly backbone: AdapterMetadata['backbone'];
  readonly method: string;
  readonly settings: Readonly<Record<string, number>>;
  readonly patchSize: number;
  readonly bands: number;
  readonly pcaDigest: string;
  readonly classes: number;
  readonly seed: number;
}

/** What such an adapter says of itself. */
export function madeUpMetadata({ classes, seed, settings, ...given }: MadeUp): AdapterMetadata {
  return {
    formatVersion,
    ...given,
    settings: { ...settings },
    pooling: 'mean',
    views: 1,
    classes: Array.from({ length: classes }, (_, index) => ({ name: `class ${index + 1}`, color: index })),
    training: {
      scene: 'made-up',
      split: 'none',
      trainPixels: 1,
      testPixels: 0,
      epochs: 1,
      batchSize: 1,
      learningRate: 1,
      seed,
      lossByEpoch: [],
    },
  };
}
