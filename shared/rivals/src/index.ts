export type {
  ComponentsArguments,
  ComponentsRival,
  LabelledScenePixels,
  PixelClassifier,
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
export { frozenFeatures, learningFeatures } from './hyper-sigma/features.js';
export { uploadEncoders } from './hyper-sigma/frozen-encoders.js';
export { hyperSigmaOf } from './hyper-sigma/hyper-sigma.js';
export { adaptedEncoders } from './hyper-sigma/learned-encoders.js';
export { headLogits } from './hyper-sigma/head.js';
export { hyperSigmaShapes } from './hyper-sigma/parameters.js';
export { parseTuning } from './hyper-sigma/tuning.js';
export { openReleased, type ReleasedWeights } from './hyper-sigma/released-weights.js';
export { baseSize, unusedParameters, type HyperSigmaSize } from './hyper-sigma/size.js';
export { WhitenedScene } from './hyper-sigma/whitened-scene.js';
export { findRival, rivals } from './rivals.js';
export { countParameters } from './shapes.js';
export { learningRateOf } from './spectral-former/spectral-former.js';
export {
  initialValues as spectralFormerInitialValues,
  spectralFormerLogits,
  spectralFormerShapes,
} from './spectral-former/network.js';
