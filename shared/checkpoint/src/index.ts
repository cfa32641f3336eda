export type { ConversionOptions } from './convert.js';
export { importCheckpoint } from './import-checkpoint.js';
export { PickleError, PickledObject, readPickle } from './pickle.js';
export { bicubicWeights, foldPositions, resizeGrid } from './positions.js';
export { StoredTensor, TorchArchive } from './torch-archive.js';
