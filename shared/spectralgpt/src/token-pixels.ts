import { tensorflow, type Tensor2D } from '@hyperswap/tensor';
import { componentGroups, tokensPerSide, type BackboneConfig } from './config.js';

/**
 * Computes weights of bilinear interpolation from `from` samples to `to`, with half-pixel centres, clamped edges and no
 * antialiasing: `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)` in one dimension.
 *
 * @returns the weights, `[to, from]` row by row
 */
export function interpolationWeights(from: number, to: number): Float64Array {
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const position = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const lower = Math.min(Math.floor(position), from - 1);
    const upper = Math.min(lower + 1, from - 1);
    const share = position - lower;
    weights[i * from + lower]! += 1 - share;
    weights[i * from + upper]! += share;
  }
  return weights;
}

/**
 * Returns the matrix that resizes a patch and cuts it into tokens in one product, `[patchSize², imageSize²]`: column
 * (ty, tx, y, x) is pixel (y, x) of token (ty, tx).
 */
export function resizeMatrix(patchSize: number, config: BackboneConfig): Tensor2D {
  const { imageSize, tokenSize } = config;
  const side = tokensPerSide(config);
  const weights = interpolationWeights(patchSize, imageSize);
  const matrix = new Float32Array(patchSize ** 2 * imageSize ** 2);
  let column = 0;
  for (let ty = 0; ty < side; ty++)
    for (let tx = 0; tx < side; tx++)
      for (let y = ty * tokenSize; y < (ty + 1) * tokenSize; y++)
        for (let x = tx * tokenSize; x < (tx + 1) * tokenSize; x++, column++)
          for (let row = 0; row < patchSize; row++)
            for (let from = 0; from < patchSize; from++)
              matrix[(row * patchSize + from) * imageSize ** 2 + column] =
                weights[y * patchSize + row]! * weights[x * patchSize + from]!;
  return tensorflow().tensor2d(matrix, [patchSize ** 2, imageSize ** 2]);
}

/**
 * Resizes patches and cuts them into tokens on the device.
 *
 * @param patches `[components, patches · patchSize²]`, normalised; each patch row by row
 * @param resize of `resizeMatrix`
 * @returns `[patches · tokens, tokenValues]`; tokens in the release's order (component group, row, column), values in
 *   its kernel's order (component, y, x)
 */
export function tokenPixels(patches: Tensor2D, resize: Tensor2D, config: BackboneConfig): Tensor2D {
  const tf = tensorflow();
  const { tokenComponents, tokenSize } = config;
  const groups = componentGroups(config);
  const windows = tokensPerSide(config) ** 2;
  return tf.tidy(() => {
    const resized = tf.matMul(tf.reshape(patches, [-1, resize.shape[0]]) as Tensor2D, resize);
    const split = tf.reshape(resized, [groups, tokenComponents, -1, windows, tokenSize ** 2]);
    const ordered = tf.transpose(split, [2, 0, 3, 1, 4]);
    return tf.reshape(ordered, [-1, tokenComponents * tokenSize ** 2]);
  });
}

/**
 * Cuts images that already have the backbone's size into tokens.
 *
 * @param images `[patches · components · side · side]` values, patch after patch, each component row by row
 * @returns `[patches · tokens, tokenValues]`, as `tokenPixels`
 */
export function imageTokens(images: Float32Array, config: BackboneConfig): Tensor2D {
  const tf = tensorflow();
  const { imageSize, tokenComponents, tokenSize } = config;
  const side = tokensPerSide(config);
  return tf.tidy(() => {
    // tfjs transposes at most rank 6: patch and group together, then row of tokens, row, column of tokens, column.
    const split = tf.tensor(images, [
      images.length / (tokenComponents * imageSize ** 2),
      tokenComponents,
      side,
      tokenSize,
      side,
      tokenSize,
    ]);
    const ordered = tf.transpose(split, [0, 2, 4, 1, 3, 5]);
    return tf.reshape(ordered, [-1, tokenComponents * tokenSize ** 2]);
  });
}

/**
 * Gathers patches from pixels on the device.
 *
 * @param pixels `[components, pixels]`
 * @param indices of pixels, patch after patch, `patches · patchSize²` of them
 * @returns `[components, patches · patchSize²]`
 */
export function gatherPatches(pixels: Tensor2D, indices: Int32Array): Tensor2D {
  const tf = tensorflow();
  return tf.tidy(() => tf.gather(pixels, tf.tensor1d(indices, 'int32'), 1));
}
