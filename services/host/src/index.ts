export { startHost, startPrivateHost, type Host, type HostParts } from './host.js';
export type { PrivateHostAnswer, PrivateHostOrder } from './private-program.js';
export { serve } from './serve.js';
export { Readiness, type Dependency } from './readiness.js';
