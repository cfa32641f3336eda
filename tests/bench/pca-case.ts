/** Preparation of a scene in memory: PCA in one pass, scores, mask and statistics in another. `pca-case.js pca JSON` */
import { prepareScene } from '@hyperswap/scene';
import { MemoryStore } from '../support/memory-store.js';
import { readRaster } from '../support/rasters.js';
import { uploadTestScene } from '../support/scenes.js';
import { processMemory } from './memory.js';

const { file, repetitions } = JSON.parse(process.argv[3]!) as { file: string; repetitions: number };
const { info, values } = await readRaster(file, { variable: 'input' });
const { height, width, bands } = info;
const scene = { name: 'scene', height, width, bands, values: Float32Array.from(values) };
const seconds: number[] = [];
for (let repetition = 0; repetition <= repetitions; repetition++) {
  const store = new MemoryStore();
  const uploaded = await uploadTestScene(store, scene);
  const start = performance.now();
  await prepareScene(store, uploaded);
  // The first is warm-up.
  if (repetition > 0) seconds.push((performance.now() - start) / 1000);
}
console.log(JSON.stringify({ seconds, peakBytes: processMemory('VmHWM') }));
