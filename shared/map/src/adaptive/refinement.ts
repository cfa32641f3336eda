/** Choice of the pixels that a model has to classify, so that the others can be interpolated. */
import { Random } from '@hyperswap/random';
import type { AgreementCounts } from './agreement.js';
import { interpolate } from './interpolate.js';
import { WrongLabels } from './wrong-labels.js';

export interface RefinementOptions {
  /** Size of the window in pixels. */
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  /** Pixels with data, in ascending order; undefined for all. */
  readonly chosen: Int32Array | undefined;
  /** Share of pixels that shall have the model's label, below 1. */
  readonly agreement: number;
  /** Share of pixels in the random sample. */
  readonly sampleShare: number;
  /** Seed of the sample. */
  readonly seed: number;
}

/** A window, partly classified and partly interpolated. */
export interface RefinedMap {
  /** Class of each pixel, from 1; 0 for a pixel without data. */
  readonly labels: Uint8Array;
  /** Probability of that class, 255ths. */
  readonly confidence: Uint8Array;
  /** Probability of every class in 255ths, `[height · width, classes]`. */
  readonly probabilities: Uint8Array;
  readonly counts: AgreementCounts;
}

/** Pixels between the pixels of the first grid. */
const gridStep = 6;
/** Rounds in which a whole window would be classified: later rounds know more, and more rounds cost more. */
const rounds = 64;
const smallestRound = 16;
/** Share of the allowed wrong labels that may be expected: a logistic function expects too few at large margins. */
const caution = 0.6;

/** Interpolated probabilities, and what follows from them. */
interface Guess {
  /** `[height · width, classes]`, 255ths. */
  readonly probabilities: Float32Array;
  /** Most probable class of each pixel, from 1. */
  readonly labels: Uint8Array;
  /** Difference between the probabilities of the two most probable classes, 0 to 1. */
  readonly margins: Float32Array;
}

/**
 * Active refinement: it begins with a grid, interpolates the probabilities between classified pixels, and lets the
 * model classify where the two most probable classes are closest, round after round, until few enough wrong labels are
 * to be expected. A random sample is classified too, and is not interpolated from, so that it measures the result.
 */
export class Refinement {
  private readonly pixels: Int32Array;
  /** Pixels that are interpolated from. */
  private readonly isKnown: Uint8Array;
  private readonly isSampled: Uint8Array;
  /** Results of the model, `[height · width]` and `[height · width, classes]`; 0 where it has not classified. */
  private readonly exactLabels: Uint8Array;
  private readonly exactProbabilities: Uint8Array;
  private readonly wrongLabels = new WrongLabels();
  private guess: Guess | undefined;

  constructor(private readonly options: RefinementOptions) {
    const { height, width, classes, chosen, sampleShare, seed } = options;
    const size = height * width;
    this.pixels = chosen ?? Int32Array.from({ length: size }, (_, pixel) => pixel);
    this.isKnown = new Uint8Array(size);
    this.isSampled = new Uint8Array(size);
    this.exactLabels = new Uint8Array(size);
    this.exactProbabilities = new Uint8Array(size * classes);
    for (const pixel of this.pixels) this.isKnown[pixel] = this.isOnGrid(pixel) ? 1 : 0;
    const random = new Random(seed);
    for (const pixel of this.pixels)
      if (random.uniform() < sampleShare) this.isSampled[pixel] = 1 - this.isKnown[pixel]!;
    // An island of data may lie between the lines of the grid.
    if (this.pixels.length > 0 && !this.isKnown.includes(1)) this.isKnown[this.pixels[0]!] = 1;
  }

  /**
   * Returns the pixels to classify next, in ascending order, or undefined when the map is good enough. Call `add` with
   * the answers before the next call.
   */
  next(): Int32Array | undefined {
    if (this.guess === undefined) {
      const first = this.pixels.filter((pixel) => this.isKnown[pixel] === 1 || this.isSampled[pixel] === 1);
      return first.length > 0 ? first : undefined;
    }
    for (;;) {
      const picked = this.pick(this.guess);
      if (picked.length === 0) return undefined;
      for (const pixel of picked) {
        this.isKnown[pixel] = 1;
        if (this.isSampled[pixel] === 1) this.observe(this.guess, pixel);
      }
      const unanswered = picked.filter((pixel) => this.exactLabels[pixel] === 0);
      if (unanswered.length > 0) return unanswered;
      this.guess = this.interpolated();
    }
  }

  /**
   * Takes the model's answers for the pixels that `next` returned.
   *
   * @param labels class of each pixel, from 1
   * @param probabilities `[pixels, classes]`, 255ths
   */
  add(pixels: Int32Array, labels: Uint8Array, probabilities: Uint8Array): void {
    const { classes } = this.options;
    pixels.forEach((pixel, place) => {
      this.exactLabels[pixel] = labels[place]!;
      this.exactProbabilities.set(probabilities.subarray(place * classes, (place + 1) * classes), pixel * classes);
      if (this.guess !== undefined) this.observe(this.guess, pixel);
    });
    this.guess = this.interpolated();
  }

  /** Returns the map as it is now. */
  result(): RefinedMap {
    const { height, width, classes } = this.options;
    const { pixels, isKnown, isSampled, exactLabels, exactProbabilities, guess } = this;
    const size = height * width;
    const labels = new Uint8Array(size);
    const confidence = new Uint8Array(size);
    const probabilities = new Uint8Array(size * classes);
    let [classified, interpolated, sampled, wrong] = [0, 0, 0, 0];
    for (const pixel of pixels) {
      const isExact = exactLabels[pixel] !== 0;
      const from = isExact ? exactProbabilities : guess!.probabilities;
      for (let at = pixel * classes; at < (pixel + 1) * classes; at++) probabilities[at] = Math.round(from[at]!);
      labels[pixel] = isExact ? exactLabels[pixel]! : guess!.labels[pixel]!;
      confidence[pixel] = probabilities[pixel * classes + labels[pixel] - 1]!;
      classified += isExact ? 1 : 0;
      if (isKnown[pixel] === 1) continue;
      interpolated += 1;
      sampled += isSampled[pixel]!;
      wrong += isSampled[pixel] === 1 && guess!.labels[pixel] !== exactLabels[pixel] ? 1 : 0;
    }
    const counts = { pixels: pixels.length, classified, interpolated, sampled, wrong };
    return { labels, confidence, probabilities, counts };
  }

  /** Learns from a pixel whose exact label has become known. */
  private observe({ labels, margins }: Guess, pixel: number): void {
    this.wrongLabels.observe(margins[pixel]!, labels[pixel] !== this.exactLabels[pixel]);
  }

  /** Tells pixels of the first grid, which includes the borders of the window. */
  private isOnGrid(pixel: number): boolean {
    const { height, width } = this.options;
    const [row, column] = [Math.floor(pixel / width), pixel % width];
    return (row % gridStep === 0 || row === height - 1) && (column % gridStep === 0 || column === width - 1);
  }

  /** Interpolates between all known pixels. */
  private interpolated(): Guess {
    const { height, width, classes } = this.options;
    const known = this.pixels.filter((pixel) => this.isKnown[pixel] === 1);
    const values = this.exactProbabilities;
    const probabilities = interpolate({ height, width, columns: classes, pixels: known, values });
    const labels = new Uint8Array(height * width);
    const margins = new Float32Array(height * width);
    for (const pixel of this.pixels) {
      let [best, second, label] = [-1, -1, 0];
      for (let index = 0; index < classes; index++) {
        const value = probabilities[pixel * classes + index]!;
        if (value > best) [second, best, label] = [best, value, index + 1];
        else if (value > second) second = value;
      }
      labels[pixel] = label;
      margins[pixel] = classes === 1 ? 1 : (best - second) / 255;
    }
    return { probabilities, labels, margins };
  }

  /** Returns the pixels of the next round, in ascending order; none when few enough wrong labels are to be expected. */
  private pick({ labels, margins }: Guess): Int32Array {
    const { height, width, agreement } = this.options;
    const { pixels, isKnown, isSampled, exactLabels } = this;
    const open = pixels.filter((pixel) => isKnown[pixel] === 0);
    const sample = open.filter((pixel) => isSampled[pixel] === 1);
    const probabilityOfWrong = this.wrongLabels.fit(
      [...sample].map((pixel) => ({ margin: margins[pixel]!, isWrong: labels[pixel] !== exactLabels[pixel] })),
    );
    open.sort((a, b) => margins[a]! - margins[b]! || a - b);
    const allowed = caution * (1 - agreement) * pixels.length;
    // Pixels of the smallest margins that have to be classified, if the expectation is right.
    let [missing, expected] = [open.length, 0];
    while (missing > 0) {
      expected += probabilityOfWrong(margins[open[missing - 1]!]!);
      if (expected > allowed) break;
      missing -= 1;
    }
    if (missing === 0) return new Int32Array(0);
    const round = Math.min(Math.max(missing, smallestRound), Math.ceil((height * width) / rounds) + smallestRound);
    return open.subarray(0, round).slice().sort();
  }
}
