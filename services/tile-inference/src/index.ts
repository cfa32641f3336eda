export { suitableBatch } from './batch-size.js';
export { createTileInferenceService, type TileInferenceContext } from './service.js';
