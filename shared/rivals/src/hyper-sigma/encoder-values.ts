/** Values that HyperSIGMA's encoders start from: random ones, and released ones in their place. */
import { allEncoderShapes, initialValues } from './parameters.js';
import { openReleased } from './released-weights.js';
import type { HyperSigmaSize } from './size.js';

/** Values of the encoders' parameters. */
export interface EncoderValues {
  /** Returns the values of a parameter by its name. */
  read(name: string): Float32Array;
  close(): void;
}

/**
 * Opens the values of both encoders, the same for the same seed.
 *
 * @param folder of released weights; empty for random values only
 * @throws CONFIG_INVALID, FILE_UNREADABLE, BACKBONE_INVALID
 */
export async function openEncoderValues(size: HyperSigmaSize, seed: number, folder: string): Promise<EncoderValues> {
  const initial = initialValues(allEncoderShapes(size), seed);
  const released = folder === '' ? undefined : await openReleased(size, folder);
  return {
    read: (name) => released?.read(name) ?? initial(name),
    close: () => released?.close(),
  };
}
