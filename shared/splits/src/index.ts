export { blockOf, splitByBlocks, type BlockSplitOptions } from './block-split.js';
export { splitMatchedValidation } from './matched-validation.js';
export { splitCounts, splitFraction, splitPerClass } from './random-split.js';
export { splitAll, splitByMaps, type Split } from './split.js';
export { distancesToTraining, farthestDistance } from './training-distance.js';
export { splitValidation } from './validation-split.js';
