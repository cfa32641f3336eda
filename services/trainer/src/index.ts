export { spectralFormerLogits, spectralFormerShapes } from './engine/baselines/spectral-former-network.js';
export type { PreprocessingAddress } from './scene-source.js';
export { createTrainerService, type TrainerContext } from './service.js';
