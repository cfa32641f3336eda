export { SafetensorsError, type StoredType } from './header.js';
export { readSafetensors, tensorsDigest, writeSafetensors, type NamedTensor, type TensorFile } from './safetensors.js';
