export { Binding, type Classification } from './binding.js';
export {
  blobDigest,
  learnedParameterCount,
  maximumBlobBytes,
  readAdapter,
  readAdapterSteps,
  validateAgainstBackbone,
  writeAdapter,
  type Adapter,
  type AdapterTensors,
} from './blob.js';
export { diffusedFormatVersion, formatVersion, maximumDiffusionReach, type AdapterMetadata } from './metadata.js';
export { exportPeft, type PeftFiles } from './hugging-face/export-peft.js';
export {
  completePeft,
  importPeft,
  peftConfigFile,
  peftModelFile,
  type PeftAdapter,
} from './hugging-face/import-peft.js';
