import type { BackboneConfig } from '@hyperswap/spectralgpt';
import type { Precision } from '@hyperswap/tensor';
import { imageGroup } from './batch-size.js';
import type { Size } from './scheduler/memory-budget.js';
import type { Work } from './scheduler/work.js';

/** Patches of a message as the scheduler has them, as the backbone takes them. Batches fill in their rows. */
export interface PatchWork extends Work {
  readonly kind: 'patches';
  readonly backboneDigest: string;
  readonly precision: Precision;
  /** Name of the binding, which lives as long as the work; undefined for features. */
  readonly adapter: string | undefined;
  /** `[patches, components, side, side]` */
  readonly images: Float32Array;
  /** `[patches, columns]`, from its first batch on. */
  rows: Float32Array;
}

/** Backbone and binding that patches run on. */
export type PatchTarget = Pick<PatchWork, 'backboneDigest' | 'precision' | 'adapter'>;

/** Upper limit of the columns of a row: more than any adapter has classes. */
const mostClasses = 256;

/** Returns work of checked patches. @param served config of the served backbone, by which costs are measured */
export function newPatchWork(
  target: PatchTarget,
  images: Float32Array,
  config: BackboneConfig,
  served: BackboneConfig,
): PatchWork {
  const { backboneDigest, precision, adapter } = target;
  return {
    kind: 'patches',
    ...target,
    group: imageGroup(`predict ${backboneDigest} ${precision} ${adapter ?? ''}`, config, served),
    patches: images.length / patchValues(config),
    images,
    rows: new Float32Array(0),
  };
}

/**
 * Returns the memory of patches: their input and their result rows.
 *
 * @param own bytes of a binding that only these patches use
 */
export function patchesSize(images: Float32Array, config: BackboneConfig, own: number): Size {
  const patches = images.length / patchValues(config);
  return { patches, bytes: images.byteLength + 4 * patches * Math.max(mostClasses, config.width) + own };
}

/** Returns the values of each patch of some work. */
export function patchValuesOf({ images, patches }: PatchWork): number {
  return images.length / patches;
}

/** Returns the values of a patch as a backbone takes it. */
export function patchValues({ components, imageSize }: BackboneConfig): number {
  return components * imageSize ** 2;
}
