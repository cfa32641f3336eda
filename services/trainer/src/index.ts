export { pretrainingKind, trainingKind } from './training-kinds.js';
export { SceneSource, type PreprocessingAddress } from './scene-source.js';
export { createTrainerServices, type TrainerContext } from './service.js';
export { checkSpectra, checkWholeScene, spectraWindows, usableBands } from './spectra-windows.js';
