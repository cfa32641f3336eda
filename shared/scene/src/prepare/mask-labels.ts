import { encodePlane } from '../codec/plane-codec.js';

/** Labels of a plane without those of pixels that hold no data. */
export interface MaskedLabels {
  /** The plane as it is stored. */
  readonly content: Uint8Array<ArrayBuffer>;
  readonly labelledPixels: number;
  /** Labelled pixels that hold no data: their labels are taken away. */
  readonly pixelsWithoutData: number;
}

/**
 * Takes labels away from pixels without data.
 *
 * @param labels of a plane; overwritten
 * @param mask 1 for pixels with data
 */
export function maskLabels(labels: Uint8Array, mask: Uint8Array): MaskedLabels {
  let [labelledPixels, pixelsWithoutData] = [0, 0];
  for (let pixel = 0; pixel < labels.length; pixel++) {
    if (labels[pixel] === 0) continue;
    if (mask[pixel] === 1) {
      labelledPixels += 1;
      continue;
    }
    pixelsWithoutData += 1;
    labels[pixel] = 0;
  }
  return { content: encodePlane(labels), labelledPixels, pixelsWithoutData };
}
