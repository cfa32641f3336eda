export {
  adaptationParameterCount,
  adaptationShapes,
  adaptedWeight,
  adaptedWeights,
  initialFactors,
  mergeAdaptation,
  type Adaptation,
} from './adaptation.js';
export type { FactorShape, FactorShapes, Factors, Method, MethodSettings, Projection, WeightShape } from './method.js';
export { findMethod, methodNames, methodSettings } from './methods.js';
