/** Synthetic adapters with random numbers, without training. */
import { formatVersion, writeAdapter, type AdapterMetadata } from '@hyperswap/adapter';
import { initialFactors, type Adaptation } from '@hyperswap/peft';
import type { BackboneConfig } from '@hyperswap/spectralgpt';
import { Random } from '@hyperswap/random';

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

/** Returns the metadata of a synthetic adapter. */
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

/** PCA of an adapter. */
export interface MadeUpPca {
  /** `[bands]` */
  readonly mean: Float32Array;
  /** `[components, bands]` */
  readonly components: Float32Array;
}

/**
 * Returns the blob of an adapter in the format of training, with random numbers.
 *
 * @param deviation of the factors
 */
export function madeUpBlob(
  made: Omit<MadeUp, 'method' | 'settings'>,
  adaptation: Adaptation,
  config: BackboneConfig,
  pca: MadeUpPca,
  deviation = 0.02,
): Uint8Array {
  const { classes, seed } = made;
  const random = new Random(seed);
  const vector = (values: Float32Array) => ({ shape: [values.length], values });
  const factors =
    adaptation.method.scope === 'backbone'
      ? []
      : [...initialFactors(adaptation, config, seed)].map(([name, { shape, values }]) => {
          return [name, { shape, values: random.normals(values.length, deviation) }] as const;
        });
  const settings = { ...adaptation.settings } as unknown as Record<string, number>;
  return writeAdapter({
    metadata: madeUpMetadata({ ...made, method: adaptation.method.name, settings }),
    tensors: {
      factors: new Map(factors),
      headWeight: { shape: [classes, config.width], values: random.normals(classes * config.width, 0.1) },
      headBias: vector(new Float32Array(classes)),
      pcaMean: vector(pca.mean),
      pcaComponents: { shape: [config.components, made.bands], values: pca.components },
      normalizerMean: vector(new Float32Array(config.components)),
      normalizerDeviation: vector(new Float32Array(config.components).fill(100)),
    },
  });
}
