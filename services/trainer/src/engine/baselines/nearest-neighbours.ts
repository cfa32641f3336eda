/**
 * k-nearest neighbours of the middle pixel's spectrum (Cover and Hart 1967, doi:10.1109/TIT.1967.1053964). It shows the
 * accuracy of spectra alone.
 */
import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import type { Baseline } from './baseline.js';
import { squaredDistances } from './distances.js';
import { componentSpread, middlePixels } from './patch-features.js';

const neighbours = 10;

export const nearestNeighbours: Baseline = {
  name: 'knn',
  side: 1,
  description: `the majority of the ${neighbours} training pixels of the most similar spectrum (standardised components)`,
  fit: ({ patches, components, patchSize, classes }) => {
    const tf = tensorflow();
    const spread = componentSpread(patches.scores, components);
    const known = middlePixels(patches.scores, patchSize, spread);
    const k = Math.min(neighbours, patches.labels.length);
    return Promise.resolve({
      parameters: known.size,
      classify: (scores) => {
        const nearest = tf.tidy(() => {
          const distances: Tensor2D = squaredDistances(middlePixels(scores, patchSize, spread), known);
          return tf.topk(tf.neg(distances), k).indices.dataSync();
        });
        const confidence = new Uint8Array(nearest.length / k);
        const labels = Uint8Array.from(confidence, (_, patch) => {
          const votes = new Array<number>(classes + 1).fill(0);
          // The nearest come first, and a later class needs more votes to win: the nearer class wins a tie.
          let winner = 0;
          for (let i = 0; i < k; i++) {
            const label = patches.labels[nearest[patch * k + i]!]!;
            votes[label]! += 1;
            if (votes[label]! > votes[winner]!) winner = label;
          }
          confidence[patch] = Math.round((255 * votes[winner]!) / k);
          return winner;
        });
        return { labels, confidence };
      },
      dispose: () => known.dispose(),
    });
  },
};
