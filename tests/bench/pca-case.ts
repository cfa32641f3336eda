/** PCA of a scene, as preprocessing does it: covariance in one pass, twelve components, scores. `pca-case.js pca JSON` */
import { readFileSync } from 'node:fs';
import { CovarianceAccumulator, projectPixels, readMat5 } from '@hyperswap/scene';
import { processMemory } from './memory.js';

const { file, repetitions } = JSON.parse(process.argv[3]!) as { file: string; repetitions: number };
const cube = readMat5(file, readFileSync(file)).get('input')!;
const bands = cube.shape[2]!;
const pixels = Float32Array.from(cube.values);
const seconds = Array.from({ length: repetitions + 1 }, () => {
  const start = performance.now();
  const accumulator = new CovarianceAccumulator(bands);
  accumulator.add(pixels);
  projectPixels(pixels, accumulator.principalComponents(12));
  return (performance.now() - start) / 1000;
}).slice(1);
console.log(JSON.stringify({ seconds, peakBytes: processMemory('VmHWM') }));
