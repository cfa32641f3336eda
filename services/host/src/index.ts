export { startHost, startPrivateHost, type Host } from './host.js';
export type { PrivateHostAnswer, PrivateHostOrder } from './private-program.js';
export { serve } from './serve.js';
export { Readiness, type Dependency } from './readiness.js';
