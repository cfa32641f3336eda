/** Classes of pixels with their probabilities. */
export interface PixelClasses {
  /** Class of each pixel, from 1. */
  readonly labels: Uint8Array;
  /** Probability of that class, 255ths. */
  readonly confidence: Uint8Array;
  /** Probability of every class in 255ths, `[pixels, classes]`. */
  readonly probabilities: Uint8Array;
}

/** Returns the likeliest class of each pixel, and the probabilities of all. @param logits `[pixels, classes]` */
export function classifyLogits(logits: Float32Array, classes: number): PixelClasses {
  const pixels = logits.length / classes;
  const labels = new Uint8Array(pixels);
  const confidence = new Uint8Array(pixels);
  const probabilities = new Uint8Array(logits.length);
  const odds = new Float64Array(classes);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const from = pixel * classes;
    let best = 0;
    for (let label = 1; label < classes; label++) if (logits[from + label]! > logits[from + best]!) best = label;
    let sum = 0;
    for (let label = 0; label < classes; label++) {
      odds[label] = Math.exp(logits[from + label]! - logits[from + best]!);
      sum += odds[label]!;
    }
    for (let label = 0; label < classes; label++) probabilities[from + label] = Math.round((255 * odds[label]!) / sum);
    labels[pixel] = best + 1;
    confidence[pixel] = probabilities[from + best]!;
  }
  return { labels, confidence, probabilities };
}
