export {
  adaptationParameterCount,
  adaptationShapes,
  adaptedWeight,
  initialFactors,
  mergeAdaptation,
  projectionUpdate,
  type Adaptation,
} from './adaptation.js';
export type { FactorShape, FactorShapes, Factors, Method, MethodSettings, WeightShape } from './method.js';
export { findMethod, methodNames, methodSettings } from './methods.js';
