export type { Bus, Events, KeyValue, Revisioned, ValuePage, WorkItem, WorkQueue } from './bus.js';
export { EmbeddedBus, type EmbeddedBusSettings } from './embedded/embedded-bus.js';
export { NatsBus, type NatsSettings } from './nats/nats-bus.js';
export { changeValue } from './change-value.js';
export type { DamagedValue, DamageListener } from './value-reader.js';
