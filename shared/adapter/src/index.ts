export { Binding, type Classification } from './binding.js';
export {
  blobDigest,
  learnedParameterCount,
  maximumBlobBytes,
  readAdapter,
  validateAgainstBackbone,
  writeAdapter,
  type Adapter,
  type AdapterTensors,
} from './blob.js';
export { formatVersion, type AdapterMetadata, type LandCoverClass, type Metrics } from './metadata.js';
