/** Accuracy by distance to the nearest training pixel, which tells how much of it is due to near training pixels. */

/** Agreement of the test pixels within a range of distances. */
export interface DistanceBin {
  /** Smallest Chebyshev distance in pixels. */
  readonly from: number;
  /** Largest distance; 0 for no limit. */
  readonly to: number;
  /** Test pixels. */
  readonly pixels: number;
  /** Test pixels that are right. */
  readonly correct: number;
}

const ranges = [
  [1, 1],
  [2, 3],
  [4, 7],
  [8, 15],
  [16, 0],
] as const;

/** Distances that a histogram tells apart; its last value counts all that are farther, too. */
const histogramLength = 64;

/** Counts test pixels in ranges of their distances, which are at least 1; all arguments are of the same pixels. */
export function accuracyByDistance(distances: Uint8Array, labels: Uint8Array, predictions: Uint8Array): DistanceBin[] {
  return ranges.map(([from, to]) => {
    let pixels = 0;
    let correct = 0;
    distances.forEach((distance, i) => {
      if (distance < from || (to > 0 && distance > to)) return;
      pixels += 1;
      if (labels[i] === predictions[i]) correct += 1;
    });
    return { from, to, pixels, correct };
  });
}

/**
 * Returns the number of pixels at distance 1, 2 and so on, as far as there are any; from distance 64 on they are one.
 */
export function distanceHistogram(distances: Uint8Array): number[] {
  const histogram: number[] = [];
  for (const distance of distances) {
    const place = Math.min(distance, histogramLength) - 1;
    while (histogram.length <= place) histogram.push(0);
    histogram[place]! += 1;
  }
  return histogram;
}

/** Returns the share of pixels within a distance. */
export function shareWithin(distances: Uint8Array, reach: number): number {
  return distances.length === 0 ? 0 : distances.filter((distance) => distance <= reach).length / distances.length;
}
