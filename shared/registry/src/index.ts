export { adapterPublished, AdapterRegistry, type AdapterRecord, type AdapterState } from './adapter-registry.js';
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
