/** Smoothing of land-cover maps: what lies around a pixel is mostly of its class. */

/** A map with how sure it is. */
export interface ConfidentMap {
  /** Class of each pixel, from 1; 0 where there is none. */
  readonly labels: Uint8Array;
  /** Probability of that class, 255ths. */
  readonly confidence: Uint8Array;
}

/**
 * Each pixel becomes the class that the pixels of a window around it are surest of together: a majority filter whose votes count as much as their
 * confidence (Schindler 2012, doi:10.1109/TGRS.2012.2192741, section III-A). Where two classes have as many votes the pixel keeps its own, if it is one of them, else
 * takes the first.
 *
 * @param map row by row, `[height, width]`; pixels without a class neither vote nor get one
 * @param radius of the window, `(2 · radius + 1)²` pixels, cut off at the border; 0 changes nothing
 * @returns the confidence is the share of the votes
 */
export function smoothMap({ labels, confidence }: ConfidentMap, width: number, radius: number): ConfidentMap {
  if (radius === 0) return { labels, confidence };
  const height = labels.length / width;
  const best = new Float64Array(labels.length);
  const total = new Float64Array(labels.length);
  const smoothed = new Uint8Array(labels.length);
  const votes = new Float64Array(labels.length);
  for (const label of [...new Set(labels)].sort((a, b) => a - b)) {
    if (label === 0) continue;
    for (let pixel = 0; pixel < labels.length; pixel++) votes[pixel] = labels[pixel] === label ? confidence[pixel]! : 0;
    sumAlong(votes, height, width, width, 1, radius);
    sumAlong(votes, width, height, 1, width, radius);
    for (let pixel = 0; pixel < labels.length; pixel++) {
      if (labels[pixel] === 0) continue;
      const vote = votes[pixel]!;
      total[pixel]! += vote;
      if (smoothed[pixel] !== 0 && (vote < best[pixel]! || (vote === best[pixel] && label !== labels[pixel]))) continue;
      best[pixel] = vote;
      smoothed[pixel] = label;
    }
  }
  const shares = best.map((vote, pixel) => (total[pixel] === 0 ? 0 : Math.round((255 * vote) / total[pixel]!)));
  return { labels: smoothed, confidence: Uint8Array.from(shares) };
}

/**
 * Replaces each value by the sum of those within a radius on its line, in place.
 *
 * @param lines how many, the first values of which lie `lineStride` apart
 * @param length values of a line, which lie `stride` apart
 */
function sumAlong(
  values: Float64Array,
  lines: number,
  length: number,
  lineStride: number,
  stride: number,
  radius: number,
): void {
  const line = new Float64Array(length);
  for (let index = 0; index < lines; index++) {
    const first = index * lineStride;
    for (let i = 0; i < length; i++) line[i] = values[first + i * stride]!;
    let sum = 0;
    for (let i = 0; i < Math.min(radius, length); i++) sum += line[i]!;
    for (let i = 0; i < length; i++) {
      sum += (line[i + radius] ?? 0) - (line[i - radius - 1] ?? 0);
      values[first + i * stride] = sum;
    }
  }
}
