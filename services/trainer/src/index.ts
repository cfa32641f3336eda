export { createTrainerService, type TrainerContext } from './service.js';
