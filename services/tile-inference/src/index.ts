export { suitableBatch } from './batch-size.js';
export type { TileProgram } from './engine/program.js';
export { PatchQueue } from './patch-queue.js';
export { classificationKind } from './scene-job.js';
export { createTileInferenceServices, type TileInferenceContext } from './service.js';
