export {
  makeBackbone,
  pretrainedDirectory,
  readBackbone,
  withTensors,
  writeBackbone,
  type Backbone,
  type BackboneDescription,
} from './backbone.js';
export {
  backboneConfigs,
  backboneConfigSchema,
  componentGroups,
  tokenCount,
  tokensPerSide,
  tokenValues,
  type BackboneConfig,
} from './config.js';
export { backboneDigest, isDigestOf } from './digest.js';
export type { BlockDropout } from './block.js';
export { encode, encodeLearning, type BlockStack, type LearningBlocks } from './encoder.js';
export { embed, encoderStack, type VisibleTokens } from './embedding.js';
export { features, featuresInSteps, learningFeatures, type FeatureOptions, type LearningOptions } from './features.js';
export {
  foldLayer,
  keepLayer,
  keepPlaced,
  layerNames,
  layerParameters,
  layersOf,
  releaseLayer,
  type AnyLayer,
  type BlockLayers,
  type LayerName,
} from './folding.js';
export { layerNorm, linearLayer } from './outer-layers.js';
export { patchesOfGradient } from './gradient-memory.js';
export {
  decoderConfigSchema,
  decoderShapes,
  randomMask,
  reconstructionLoss,
  type DecoderConfig,
  type TokenMask,
} from './masked-autoencoder.js';
export { PreciseLayers } from './precise-layers.js';
export { encoderShapes, initialParameters, type ParameterShapes } from './parameters.js';
export { pool, pooledWidth, poolings, randomTokens, type Pooling } from './pooling.js';
export { makeServable, type Residence } from './servable.js';
export {
  bytesPerWeight,
  int8ErrorLimit,
  learningPrecision,
  numberFormat,
  servingPrecision,
  type PrecisionChoice,
} from './precision.js';
export {
  lendResident,
  limitResidents,
  makeResident,
  preciseLayer,
  releaseResident,
  residentBytes,
  returnResident,
  unheldBytes,
  residentBackbone,
  type ResidentBackbone,
} from './resident.js';
export { gatherPatches, imageTokens, interpolationWeights, resizeMatrix, tokenPixels } from './token-pixels.js';
export { positions, Weights } from './weights.js';
export {
  foldUpdate,
  foldWithUpdate,
  mergeUpdate,
  placeUpdate,
  type ParameterChanges,
  type WeightUpdate,
} from './weight-update.js';
