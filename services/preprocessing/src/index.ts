export { createPreprocessingService, type PreprocessingContext } from './service.js';
