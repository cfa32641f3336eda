export { adapterPublished, AdapterRegistry, type AdapterRecord, type TrustedKeys } from './adapter-registry.js';
export type { AdapterState } from './adapter-state.js';
export {
  backboneFiles,
  fetchBackboneFiles,
  hasBackbone,
  listBackbones,
  storeBackboneFiles,
  withBackbone,
} from './backbones.js';
export { toAdapterVersion } from './message.js';
export { parseReference, type AdapterReference } from './reference.js';
