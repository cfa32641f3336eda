/** A thread that sums what a block of pixels adds to a PCA. */
import { parentPort, workerData } from 'node:worker_threads';
import type { NumericArray } from '@hyperswap/raster';
import { CovarianceAccumulator, type CovarianceSums } from './covariance.js';

const { shift } = workerData as { readonly shift: Float64Array };
const port = parentPort!;

port.on('message', (block: NumericArray) => {
  const { count, sums, products } = CovarianceAccumulator.of(block, shift);
  const reply: CovarianceSums = { count, sums, products };
  port.postMessage(reply, [sums.buffer, products.buffer] as ArrayBuffer[]);
});
