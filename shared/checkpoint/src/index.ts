export type { ConversionOptions } from './convert.js';
export { importCheckpoint } from './import-checkpoint.js';
export { openCheckpoint, type OpenCheckpoint } from './open-checkpoint.js';
export { readPickle } from './pickle.js';
export { PickleError, PickledObject, type PickleConstructor, type PickleOptions } from './pickle-values.js';
export { bicubicWeights, foldPositions, resizeGrid } from './positions.js';
export { StoredTensor, TorchArchive } from './torch-archive.js';
