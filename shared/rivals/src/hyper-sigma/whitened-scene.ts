/** Whitened principal components of a scene, and windows of them. */
import { fitPixels } from '@hyperswap/scene';
import { tensorflow, type Tensor2D, type Tensor4D } from '@hyperswap/tensor';
import { windowSide } from './size.js';

const margin = (windowSide - 1) / 2;
/** Pixels that are projected at once. */
const chunkPixels = 65_536;

interface SceneValues {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  /** `[height, width, bands]` */
  readonly values: Float32Array;
  /** 1 for pixels with data, `[height, width]`. */
  readonly valid: Uint8Array;
}

/**
 * Principal components with variance 1 each over the pixels with data, fitted without labels, as
 * `sklearn.decomposition.PCA(whiten=True)`. What lies outside the scene, and pixels without data, are 0.
 */
export class WhitenedScene {
  private readonly width: number;
  /** Scene with a margin of zeros, `[(height + 2 · margin) · (width + 2 · margin), components]`. */
  private readonly padded: Tensor2D;

  /** @param components at most as many as there are bands */
  constructor(
    { height, width, bands, values, valid }: SceneValues,
    private readonly components: number,
  ) {
    const { mean, components: loadings, explainedVariance } = fitPixels(values, valid, bands, components);
    this.width = width;
    const row = width + 2 * margin;
    const padded = new Float32Array((height + 2 * margin) * row * components);
    for (let first = 0; first < height * width; first += chunkPixels) {
      const count = Math.min(chunkPixels, height * width - first);
      const centred = new Float32Array(count * bands);
      for (let i = 0; i < count; i++) {
        if (valid[first + i] === 0) continue;
        for (let band = 0; band < bands; band++) {
          centred[i * bands + band] = values[(first + i) * bands + band]! - mean[band]!;
        }
      }
      const scores = project(centred, loadings, bands);
      for (let i = 0; i < count; i++) {
        const pixel = first + i;
        const at = ((Math.floor(pixel / width) + margin) * row + (pixel % width) + margin) * components;
        for (let c = 0; c < components; c++) {
          const variance = explainedVariance[c]!;
          padded[at + c] = variance > 0 ? scores[i * components + c]! / Math.sqrt(variance) : 0;
        }
      }
    }
    this.padded = tensorflow().tensor2d(padded, [padded.length / components, components]);
  }

  /**
   * Returns the windows around pixels.
   *
   * @param pixels as row · width + column
   * @returns `[pixels, side, side, components]`
   */
  windows(pixels: readonly number[]): Tensor4D {
    const tf = tensorflow();
    const row = this.width + 2 * margin;
    const places = new Int32Array(pixels.length * windowSide ** 2);
    let at = 0;
    for (const pixel of pixels) {
      const corner = Math.floor(pixel / this.width) * row + (pixel % this.width);
      for (let y = 0; y < windowSide; y++) for (let x = 0; x < windowSide; x++) places[at++] = corner + y * row + x;
    }
    return tf.tidy(() => {
      const gathered = tf.gather(this.padded, tf.tensor1d(places, 'int32'));
      return tf.reshape(gathered, [pixels.length, windowSide, windowSide, this.components]);
    });
  }

  dispose(): void {
    this.padded.dispose();
  }
}

/** Multiplies spectra by loadings. @returns `[pixels, components]` */
function project(spectra: Float32Array, loadings: Float32Array, bands: number): Float32Array {
  const tf = tensorflow();
  const scores = tf.tidy(() =>
    tf.matMul(
      tf.tensor2d(spectra, [spectra.length / bands, bands]),
      tf.tensor2d(loadings, [loadings.length / bands, bands]),
      false,
      true,
    ),
  );
  const values = scores.dataSync() as Float32Array;
  scores.dispose();
  return values;
}
