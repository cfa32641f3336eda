export {
  makeBackbone,
  parameterCount,
  pretrainedDirectory,
  readBackbone,
  writeBackbone,
  type Backbone,
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
export { embed, encode, features, pool, type FeatureOptions, type VisibleTokens } from './encoder.js';
export type { AdaptedProjection, ProjectionUpdate } from './layers.js';
export {
  decoderConfigSchema,
  decoderShapes,
  randomMask,
  reconstructionLoss,
  type DecoderConfig,
  type TokenMask,
} from './masked-autoencoder.js';
export { encoderShapes, initialParameters, type ParameterShapes } from './parameters.js';
export { makeResident, residentBackbone, type ResidentBackbone } from './resident.js';
export { gatherPatches, interpolationWeights, resizeMatrix, tokenPixels } from './token-pixels.js';
export { positions, Weights } from './weights.js';
