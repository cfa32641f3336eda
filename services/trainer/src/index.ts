export type { PreprocessingAddress } from './scene-source.js';
export { createTrainerService, type TrainerContext } from './service.js';
