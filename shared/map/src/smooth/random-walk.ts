import type { SpectralEdges } from './spectral-edges.js';

/** Steepness with which walks avoid an edge; docs/experiments.md has the measurements. */
const contrast = 4;

/** Largest remaining residual of a solution, as a share of the norm of the votes. */
const tolerance = 1e-5;

/**
 * Random walks over a scene that seldom cross from one spectrum to another (Grady 2006, doi:10.1109/TPAMI.2006.233; on
 * classified hyperspectral scenes Kang et al. 2015, doi:10.1109/TGRS.2014.2319373). A walk moves to a neighbour with
 * weight `exp(−4 d² / mean d²)`, where d is the distance of their spectra. It stops with weight `1 / reach²`: within
 * one spectrum it gets about `reach` pixels far.
 *
 * All vectors have a row of zeros before the first pixel and after the last one, so that the loops need no bounds
 * checks.
 */
export class RandomWalk {
  private readonly margin: number;
  private readonly length: number;
  private readonly stop: number;
  /** Weights of the edges. */
  private readonly right: Float64Array;
  private readonly below: Float64Array;
  /** Sum of a pixel's edge weights and its stop weight. */
  private readonly diagonal: Float64Array;
  /** Reciprocal pivots of the preconditioner. */
  private readonly pivots: Float64Array;

  /** @param reach in pixels, above 0 */
  constructor(edges: SpectralEdges, reach: number) {
    const { width, height } = edges;
    this.margin = width;
    this.length = height * width;
    this.stop = 1 / reach ** 2;
    const scale = contrast / edges.meanDistance;
    const weightOf = (distance: number): number => {
      // Pixels without a value have no distance, and no neighbours.
      if (Number.isNaN(distance)) return 0;
      return distance === 0 ? 1 : Math.exp(-scale * distance);
    };
    const weights = (distances: Float32Array, isEdge: (pixel: number) => boolean): Float64Array => {
      const found = this.zeros();
      distances.forEach((distance, pixel) => (found[width + pixel] = isEdge(pixel) ? weightOf(distance) : 0));
      return found;
    };
    this.right = weights(edges.right, (pixel) => (pixel + 1) % width > 0);
    this.below = weights(edges.below, (pixel) => pixel + width < this.length);
    this.diagonal = this.zeros();
    for (let at = width; at < width + this.length; at++) {
      this.diagonal[at] = this.stop + this.right[at]! + this.right[at - 1]! + this.below[at]! + this.below[at - width]!;
    }
    this.pivots = this.factorise();
  }

  /**
   * Returns the mean vote at the pixels where walks from each pixel stop. It solves `(L + 1 / reach²) x = votes /
   * reach²`, L the Laplacian of the weights, by conjugate gradients.
   *
   * @param votes `[height, width]`
   * @returns `[height, width]`
   */
  meanVotes(votes: Float64Array): Float64Array {
    const solution = this.zeros();
    const residual = this.zeros();
    votes.forEach((vote, pixel) => (residual[this.margin + pixel] = this.stop * vote));
    const small = tolerance ** 2 * dot(residual, residual);
    const applied = this.zeros();
    const preconditioned = this.zeros();
    this.precondition(residual, preconditioned);
    const direction = preconditioned.slice();
    let energy = dot(residual, preconditioned);
    while (dot(residual, residual) > small) {
      this.apply(direction, applied);
      const step = energy / dot(direction, applied);
      for (let at = 0; at < solution.length; at++) {
        solution[at]! += step * direction[at]!;
        residual[at]! -= step * applied[at]!;
      }
      this.precondition(residual, preconditioned);
      const before = energy;
      energy = dot(residual, preconditioned);
      const turn = energy / before;
      for (let at = 0; at < direction.length; at++) direction[at] = preconditioned[at]! + turn * direction[at]!;
    }
    return solution.subarray(this.margin, this.margin + this.length);
  }

  private zeros(): Float64Array {
    return new Float64Array(this.length + 2 * this.margin);
  }

  /** Computes `target = (L + 1 / reach²) source`. */
  private apply(source: Float64Array, target: Float64Array): void {
    const { margin, length, right, below, diagonal } = this;
    for (let at = margin; at < margin + length; at++) {
      target[at] =
        diagonal[at]! * source[at]! -
        right[at]! * source[at + 1]! -
        right[at - 1]! * source[at - 1]! -
        below[at]! * source[at + margin]! -
        below[at - margin]! * source[at - margin]!;
    }
  }

  /**
   * Incomplete Cholesky factors without fill-in; the omitted entries are subtracted from the diagonal (MIC(0),
   * Gustafsson 1978, doi:10.1007/BF01931691). This takes a few dozen steps; the diagonal alone takes hundreds.
   *
   * @returns reciprocals of the pivots
   */
  private factorise(): Float64Array {
    const { margin, length, right, below, diagonal } = this;
    const pivots = this.zeros();
    for (let at = margin; at < margin + length; at++) {
      const [left, above] = [at - 1, at - margin];
      const taken =
        right[left]! * (right[left]! + below[left]!) * pivots[left]! +
        below[above]! * (below[above]! + right[above]!) * pivots[above]!;
      pivots[at] = 1 / (diagonal[at]! - taken);
    }
    return pivots;
  }

  /** Solves for `target`: the product of the factors times `target` is `source`. */
  private precondition(source: Float64Array, target: Float64Array): void {
    const { margin, length, right, below, pivots } = this;
    for (let at = margin; at < margin + length; at++) {
      const known = right[at - 1]! * target[at - 1]! + below[at - margin]! * target[at - margin]!;
      target[at] = (source[at]! + known) * pivots[at]!;
    }
    for (let at = margin + length - 1; at >= margin; at--) {
      target[at]! += (right[at]! * target[at + 1]! + below[at]! * target[at + margin]!) * pivots[at]!;
    }
  }
}

function dot(first: Float64Array, second: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < first.length; at++) sum += first[at]! * second[at]!;
  return sum;
}
