export { preparationKind } from './preparation-kind.js';
export { createPreprocessingServices, type PreprocessingContext } from './service.js';
