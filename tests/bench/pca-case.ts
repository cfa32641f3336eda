/**
 * PCA of a scene, as preprocessing does it: covariance in one pass, twelve components, scores. `pca-case.js pca JSON`
 */
import { fitPca, projectPixels } from '@hyperswap/scene';
import { readRaster } from '../support/rasters.js';
import { processMemory } from './memory.js';

const { file, repetitions } = JSON.parse(process.argv[3]!) as { file: string; repetitions: number };
const cube = await readRaster(file, { variable: 'input' });
const { bands } = cube.info;
const pixels = Float32Array.from(cube.values);
const seconds: number[] = [];
for (let repetition = 0; repetition <= repetitions; repetition++) {
  const start = performance.now();
  projectPixels(pixels, await fitPca(pixels, bands, 12));
  // The first run is warm-up.
  if (repetition > 0) seconds.push((performance.now() - start) / 1000);
}
console.log(JSON.stringify({ seconds, peakBytes: processMemory('VmHWM') }));
