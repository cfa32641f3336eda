export type {
  LabelledScenePixels,
  Rival,
  RivalPrediction,
  RivalProgress,
  SceneArguments,
  SceneResult,
  SceneRival,
  WindowArguments,
  WindowClassifier,
  WindowRival,
} from './rival.js';
export { mambaHsiLogits, mambaHsiParameters, mambaHsiShapes } from './mamba-hsi/network.js';
export { mambaHsi } from './mamba-hsi/mamba-hsi.js';
export { stretchBands } from './mamba-hsi/stretch.js';
export { stripsOf } from './mamba-hsi/strips.js';
export { findRival, rivals } from './rivals.js';
export { spectralFormerLogits, spectralFormerShapes } from './spectral-former/network.js';
