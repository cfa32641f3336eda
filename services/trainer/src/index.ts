export { pretrainingKind, trainingKind } from './training-kinds.js';
export { fitDiscriminant } from './engine/discriminant.js';
export { beyondGuard } from './measuring-walks.js';
export { SceneSource, type PreprocessingAddress } from './scene-source.js';
export { createTrainerServices, type TrainerContext } from './service.js';
export { checkSpectra, checkWholeScene, spectraWindows, usableBands } from './spectra-windows.js';
