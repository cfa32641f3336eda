/** The contract in TypeScript: messages, clients and service definitions, generated from hyperswap/v1 by ts-proto. */
export * from './generated/hyperswap/v1/adapter.js';
export * from './generated/hyperswap/v1/preprocessing.js';
export * from './generated/hyperswap/v1/scene.js';
export * from './generated/hyperswap/v1/tile_inference.js';
export * from './generated/hyperswap/v1/trainer.js';
// Every generated file brings its own copy of these.
export {
  protobufFileName,
  protobufPackage,
  type DeepPartial,
  type MessageFns,
} from './generated/hyperswap/v1/adapter.js';
