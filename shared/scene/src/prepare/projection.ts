import { encodePlane } from '../codec/plane-codec.js';
import { chunkSide, rowsOfBlock, rowsOfPlane, type SceneLayout, type StoredArray } from '../layout.js';
import { paddedRows, RowProducts } from '../linear/row-products.js';
import type { Pca } from './pca.js';
import { scoreMoments, type ScoreMoments } from './statistics.js';
import { maskPixels, type PixelRule } from './valid-pixels.js';

/** Pixels that are projected at once. */
const groupPixels = 192;

/** Computes scores of pixels on the components of a PCA, in float64; the scores are float32. */
export class Projection {
  readonly components: number;
  private readonly products: RowProducts;

  constructor(
    private readonly pca: Pca,
    private readonly rule: PixelRule,
  ) {
    const { bands, goodBands } = rule;
    this.components = pca.explainedVariance.length;
    this.products = new RowProducts(groupPixels, goodBands.length, this.components);
    const { b: loadings, length } = this.products;
    for (let component = 0; component < this.components; component++) {
      goodBands.forEach((band, place) => {
        loadings[component * length + place] = pca.components[component * bands + band]!;
      });
    }
  }

  /**
   * Returns the scores of the pixels with data, in their order, `[valid pixels, components]`.
   *
   * @param values `[pixels, bands]` row by row
   * @param mask `[pixels]`
   * @param valid pixels whose mask is 1
   */
  scores(values: StoredArray, mask: Uint8Array, valid: number): Float32Array {
    const { bands, goodBands } = this.rule;
    const { mean } = this.pca;
    const { components, products } = this;
    const { a: centred, target, length } = products;
    const stride = paddedRows(components);
    const scores = new Float32Array(valid * components);
    let done = 0;
    let waiting = 0;
    for (let pixel = 0; pixel < mask.length; pixel++) {
      if (mask[pixel] === 1) {
        const [from, to] = [pixel * bands, waiting * length];
        for (let place = 0; place < goodBands.length; place++) {
          const band = goodBands[place]!;
          centred[to + place] = values[from + band]! - mean[band]!;
        }
        waiting += 1;
      }
      if (waiting < groupPixels && pixel < mask.length - 1) continue;
      target.fill(0);
      products.add();
      for (let row = 0; row < waiting; row++) {
        for (let component = 0; component < components; component++) {
          scores[(done + row) * components + component] = target[row * stride + component]!;
        }
      }
      done += waiting;
      waiting = 0;
    }
    return scores;
  }
}

/** Chunk of an array that is ready to be stored. */
export interface FinishedChunk {
  /** Key below the scene's arrays, for example `scores/c/0/3/0`. */
  readonly key: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** Outcome of the projection of a block. */
export interface ProjectedBlock {
  readonly chunks: readonly FinishedChunk[];
  readonly moments: ScoreMoments;
}

/** Makes chunks of scores and of the mask out of the blocks of a plane, which come in their order. */
export class PlaneProjector {
  private readonly projection: Projection;
  /** Chunks of the current 64 rows, from left to right. */
  private strip: Float32Array<ArrayBuffer>[] = [];
  private mask = new Uint8Array(0);

  constructor(
    private readonly layout: SceneLayout,
    private readonly rule: PixelRule,
    pca: Pca,
  ) {
    this.projection = new Projection(pca, rule);
  }

  /** Projects a block. @param values `[rows of the block, width, bands]` */
  add(block: number, values: StoredArray): ProjectedBlock {
    const { layout, projection } = this;
    const { width, height, bands, blockRows, planeRows } = layout;
    const { components } = projection;
    const rows = rowsOfBlock(layout, block);
    const mask = new Uint8Array(rows * width);
    const pixels = values.subarray(0, mask.length * bands) as StoredArray;
    const scores = projection.scores(pixels, mask, maskPixels(pixels, this.rule, mask));
    const chunks: FinishedChunk[] = [];
    const columns = Math.ceil(width / chunkSide);
    const plane = Math.floor((block * blockRows) / planeRows);
    let read = 0;
    for (let y = 0; y < rows; y++) {
      const row = block * blockRows + y;
      if (row % chunkSide === 0) this.strip = Array.from({ length: columns }, () => emptyChunk(components));
      if (row === plane * planeRows) this.mask = new Uint8Array(planeRows * width);
      this.mask.set(mask.subarray(y * width, (y + 1) * width), (row - plane * planeRows) * width);
      for (let x = 0; x < width; x++) {
        if (mask[y * width + x] === 0) continue;
        const chunk = this.strip[Math.floor(x / chunkSide)]!;
        const place = ((row % chunkSide) * chunkSide + (x % chunkSide)) * components;
        for (let component = 0; component < components; component++) chunk[place + component] = scores[read++]!;
      }
      if (row % chunkSide === chunkSide - 1 || row === height - 1) {
        const place = Math.floor(row / chunkSide);
        this.strip.forEach(({ buffer }, column) =>
          chunks.push({ key: `scores/c/${place}/${column}/0`, content: new Uint8Array(buffer) }),
        );
      }
      if (row === plane * planeRows + rowsOfPlane(layout, plane) - 1) {
        chunks.push({ key: `mask/c/${plane}/0`, content: encodePlane(this.mask) });
      }
    }
    return { chunks, moments: scoreMoments(scores, components) };
  }
}

function emptyChunk(components: number): Float32Array<ArrayBuffer> {
  return new Float32Array(chunkSide * chunkSide * components);
}
