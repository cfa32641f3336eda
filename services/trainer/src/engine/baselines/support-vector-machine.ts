/**
 * Support-vector machine with a Gaussian kernel (Cortes and Vapnik 1995, doi:10.1007/BF00994018), one against one, by
 * libsvm. Many papers of the field omit it from their tables. The kernel has scikit-learn's `gamma="scale"`; window and
 * C are chosen on training pixels.
 */
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import type { Baseline } from './baseline.js';
import { squaredDistances } from './distances.js';
import { trainMachine, type Kernel } from './kernel-machine.js';
import { chooseSettings, gridSide, parseMachineSettings } from './machine-settings.js';
import { averagedPatches, componentSpread, middleWindows } from './patch-features.js';

export const supportVectorMachine: Baseline = {
  name: 'svm',
  description: `RBF support-vector machine on standardised windows, larger ones averaged to ${gridSide} × ${gridSide}; window and C chosen on training pixels`,
  chooses: (settings, patchSize) => Object.values(parseMachineSettings(settings, patchSize)).includes(undefined),
  fit: async ({ patches, components, patchSize, settings, folds }, context) => {
    const tf = tensorflow();
    const given = parseMachineSettings(settings, patchSize);
    const spread = componentSpread(patches.scores, components);
    const samplesOf = (scores: Float32Array, window: number): Tensor2D =>
      averagedPatches(middleWindows(scores, patchSize, window, components), window, gridSide, spread);
    const gammaOf = (known: Tensor2D): number =>
      tf.tidy(() => 1 / (known.shape[1] * (tf.moments(known).variance.dataSync()[0]! || 1)));
    const kernelOf = (samples: Tensor2D, known: Tensor2D, gamma: number): Kernel => ({
      values: tf.tidy(() => tf.exp(tf.mul(squaredDistances(samples, known), -gamma)).dataSync()) as Float32Array,
      known: known.shape[0],
    });
    const ownKernel = (window: number): Kernel => {
      const known = samplesOf(patches.scores, window);
      const kernel = kernelOf(known, known, gammaOf(known));
      known.dispose();
      return kernel;
    };
    const { labels } = patches;
    const chosen = await chooseSettings({ given, patchSize, labels, folds, kernelOf: ownKernel }, context);
    const known = samplesOf(patches.scores, chosen.window);
    const gamma = gammaOf(known);
    const machine = await trainMachine(kernelOf(known, known, gamma), [...labels.keys()], labels, chosen.cost);
    return {
      parameters: known.size,
      side: chosen.window,
      chosen: { window: String(chosen.window), cost: String(chosen.cost) },
      classify: (scores) => {
        const samples = samplesOf(scores, chosen.window);
        const kernel = kernelOf(samples, known, gamma);
        samples.dispose();
        const rows = Array.from({ length: kernel.values.length / kernel.known }, (_, row) => row);
        return { labels: machine.predict(kernel, rows), confidence: undefined };
      },
      dispose: () => {
        machine.free();
        known.dispose();
      },
    };
  },
};
