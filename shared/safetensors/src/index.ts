export { float16ToFloat32, bfloat16ToFloat32 } from './half-precision.js';
export { SafetensorsError, type StoredType } from './header.js';
export { SafetensorsFile, writeSafetensorsFile } from './safetensors-file.js';
export {
  inMemory,
  readSafetensors,
  readTensors,
  tensorsDigest,
  unusableValue,
  writeSafetensors,
  type NamedTensor,
  type TensorFile,
  type TensorSource,
} from './safetensors.js';
export { parseShallowJson, ShallowJsonError } from './shallow-json.js';
export { atOnce, inTurns, type WorkSteps } from './steps.js';
