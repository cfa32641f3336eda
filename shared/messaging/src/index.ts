export type { Bus, Events, KeyValue, Revisioned, WorkItem, WorkQueue } from './bus.js';
export { EmbeddedBus } from './embedded/embedded-bus.js';
