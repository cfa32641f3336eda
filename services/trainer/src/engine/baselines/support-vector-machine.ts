/**
 * Support-vector machine with a Gaussian kernel (Cortes and Vapnik 1995, doi:10.1007/BF00994018), one against one, by
 * libsvm. Many papers of the field omit it from their tables. C = 10 and scikit-learn's `gamma="scale"`.
 */
import { createRequire } from 'node:module';
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import type { Baseline } from './baseline.js';
import { squaredDistances } from './distances.js';
import { averagedPatches, componentSpread } from './patch-features.js';

const cost = 10;
const gridSide = 9;

/** Part of libsvm-js that is used here; the package has no types. */
interface LibSvm {
  train(samples: readonly (readonly number[])[], labels: readonly number[]): void;
  predictOne(sample: readonly number[]): number;
  free(): void;
}
interface LibSvmModule {
  new (options: Readonly<Record<string, number | boolean>>): LibSvm;
  readonly SVM_TYPES: { readonly C_SVC: number };
  readonly KERNEL_TYPES: { readonly PRECOMPUTED: number };
}

export const supportVectorMachine: Baseline = {
  name: 'svm',
  description: `RBF support-vector machine on patches averaged to ${gridSide} × ${gridSide} and standardised, C = ${cost}`,
  fit: async ({ patches, components, patchSize }) => {
    const tf = tensorflow();
    // The asm.js build: the WebAssembly build warns on standard error. TensorFlow computes the kernel matrix, so both
    // are fast.
    const libSvm = await (createRequire(import.meta.url)('libsvm-js/asm') as LibSvmModule | Promise<LibSvmModule>);
    const spread = componentSpread(patches.scores, components);
    const known = averagedPatches(patches.scores, patchSize, gridSide, spread);
    const gamma = tf.tidy(() => 1 / (known.shape[1] * tf.moments(known).variance.dataSync()[0]!));
    // libsvm expects each row of a precomputed kernel to begin with the row's number.
    const kernelRows = (samples: Tensor2D): number[][] => {
      const values = tf.tidy(() => tf.exp(tf.mul(squaredDistances(samples, known), -gamma)).dataSync());
      const width = known.shape[0];
      return Array.from({ length: samples.shape[0] }, (_, row) => [
        row + 1,
        ...values.subarray(row * width, (row + 1) * width),
      ]);
    };
    const machine = new libSvm({
      type: libSvm.SVM_TYPES.C_SVC,
      kernel: libSvm.KERNEL_TYPES.PRECOMPUTED,
      cost,
      quiet: true,
    });
    machine.train(kernelRows(known), [...patches.labels]);
    return {
      parameters: known.size,
      classify: (scores) => {
        const samples = averagedPatches(scores, patchSize, gridSide, spread);
        try {
          const labels = Uint8Array.from(kernelRows(samples), (row) => machine.predictOne(row));
          return { labels, confidence: undefined };
        } finally {
          samples.dispose();
        }
      },
      dispose: () => {
        machine.free();
        known.dispose();
      },
    };
  },
};
