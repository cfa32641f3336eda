export type {
  LabelledScenePixels,
  Rival,
  RivalCheckpoint,
  RivalPrediction,
  RivalProgress,
  SceneArguments,
  SceneResult,
  SceneRival,
  WindowArguments,
  WindowClassifier,
  WindowRival,
} from './rival.js';
export { findRival, rivals } from './rivals.js';
export { spectralFormerLogits, spectralFormerShapes } from './spectral-former/network.js';
