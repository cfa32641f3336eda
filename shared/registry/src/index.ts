export type { AdapterRecord } from './adapter-record.js';
export { adapterPublished, AdapterRegistry, type TrustedKeys } from './adapter-registry.js';
export type { AdapterState } from './adapter-state.js';
export { backboneFiles, manifestFile } from './backbone-manifest.js';
export { Backbones } from './backbones.js';
export { toAdapterVersion, toMetricsMessage } from './message.js';
export { parseReference, type AdapterReference } from './reference.js';
