export { adapterPublished, AdapterRegistry, type AdapterRecord, type AdapterState } from './adapter-registry.js';
export { findBackbone, listBackbones, readBackboneFiles, storeBackboneFiles, type BackboneFiles } from './backbones.js';
export { toAdapterVersion } from './message.js';
export { parseReference, type AdapterReference } from './reference.js';
