/** Smoothing of land-cover maps: neighbouring pixels with similar spectra mostly belong to the same class. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RandomWalk } from './random-walk.js';
import type { SpectralEdges } from './spectral-edges.js';

/** Label map with the confidence of each label. */
export interface ConfidentMap {
  /** Class of each pixel, from 1; 0 for a pixel without a class. */
  readonly labels: Uint8Array;
  /** Probability of that class, 255ths. */
  readonly confidence: Uint8Array;
}

export interface SmoothingOptions {
  /** Distance in pixels that votes travel within one spectrum; 0 changes nothing. */
  readonly reach: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Assigns each pixel the class with most votes at the pixels where random walks from it stop. A pixel votes for its
 * class with its confidence.
 *
 * @param map row by row, `[height, width]`; pixels without a class neither vote nor get one
 * @returns the smoothed map; its confidence is the share of the votes
 * @throws the signal's reason
 */
export async function smoothMap(
  { labels, confidence }: ConfidentMap,
  edges: SpectralEdges,
  { reach, signal, onProgress }: SmoothingOptions,
): Promise<ConfidentMap> {
  if (reach === 0) return { labels, confidence };
  const walk = new RandomWalk(edges, reach);
  const classes = [...new Set(labels)].filter((label) => label > 0).sort((a, b) => a - b);
  const most = new Float64Array(labels.length);
  const total = new Float64Array(labels.length);
  const smoothed = new Uint8Array(labels.length);
  for (const [done, label] of classes.entries()) {
    onProgress?.(done, classes.length);
    // A large scene takes seconds a class, so this yields to the event loop and checks for cancellation.
    await nextTurn();
    signal?.throwIfAborted();
    const votes = walk.meanVotes(Float64Array.from(labels, (own, i) => (own === label ? confidence[i]! : 0)));
    for (let pixel = 0; pixel < labels.length; pixel++) {
      const vote = votes[pixel]!;
      total[pixel]! += vote;
      if (labels[pixel] === 0 || vote <= most[pixel]!) continue;
      most[pixel] = vote;
      smoothed[pixel] = label;
    }
  }
  onProgress?.(classes.length, classes.length);
  const shares = most.map((vote, pixel) => (total[pixel]! > 0 ? Math.round((255 * vote) / total[pixel]!) : 0));
  return { labels: smoothed, confidence: Uint8Array.from(shares) };
}
