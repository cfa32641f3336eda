export { createTileInferenceService, type TileInferenceContext } from './service.js';
