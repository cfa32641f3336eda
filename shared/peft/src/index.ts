export {
  adaptableProjections,
  adaptationParameterCount,
  adaptationShapes,
  adaptedParameters,
  adaptedWeight,
  initialFactors,
  mergeAdaptation,
  type AdaptedBlocks,
  type Adaptation,
} from './adaptation.js';
export { learnedFactors, type LearnedParameters } from './learned-factors.js';
export type {
  FactorShape,
  FactorShapes,
  Factors,
  Method,
  MethodSettings,
  Projection,
  ProjectionChange,
  WeightShape,
} from './method.js';
export { findMethod, methodNames, methodSettings } from './methods.js';
