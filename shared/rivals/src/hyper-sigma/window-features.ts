/** Features of a scene's windows by frozen encoders. */
import { finishLettingUrgentPass, tensorflow, type MethodContext, type Tensor2D } from '@hyperswap/tensor';
import type { RivalProgress } from '../rival.js';
import { frozenFeatures } from './features.js';
import type { OwnedEncoders } from './frozen-encoders.js';
import type { WhitenedScene } from './whitened-scene.js';

/** Windows whose features are computed at once; the spectral encoder has a hundred tokens for each. */
const windowsAtOnce = 32;

/** Frozen encoders and the scene that they look at. */
export interface EncodedScene {
  readonly scene: WhitenedScene;
  readonly encoders: OwnedEncoders;
}

/** Computes features of pixels, some windows at a time. @returns `[pixels, features]` @throws CANCELLED */
export async function featuresOf(
  pixels: readonly number[],
  { scene, encoders }: EncodedScene,
  context: MethodContext,
): Promise<Tensor2D> {
  const tf = tensorflow();
  const parts: Tensor2D[] = [];
  try {
    for (let first = 0; first < pixels.length; first += windowsAtOnce) {
      const windows = scene.windows(pixels.slice(first, first + windowsAtOnce));
      try {
        parts.push(await finishLettingUrgentPass(frozenFeatures(windows, encoders), context, 'Training'));
      } finally {
        windows.dispose();
      }
      const step = Math.min(pixels.length, first + windowsAtOnce);
      const steps = pixels.length;
      context.progress({ stage: 'features', step, steps, epoch: 0, loss: undefined } satisfies RivalProgress);
      await context.pause();
    }
    return tf.concat(parts, 0);
  } finally {
    tf.dispose(parts);
  }
}
