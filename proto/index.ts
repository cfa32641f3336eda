/** The contract in TypeScript: messages, clients and service definitions, generated from the protos by ts-proto. */
import { fileURLToPath } from 'node:url';

export * from './generated/hyperswap/v1/adapter.js';
export * from './generated/hyperswap/v1/backbone.js';
export * from './generated/hyperswap/v1/error.js';
export * from './generated/hyperswap/v1/fleet.js';
export * from './generated/hyperswap/v1/job.js';
export * from './generated/hyperswap/v1/scene.js';
export * from './generated/hyperswap/v1/scene_job.js';
export * from './generated/hyperswap/v1/tile.js';
export * from './generated/hyperswap/v1/training.js';
export { Duration } from './generated/google/protobuf/duration.js';
// Every generated file brings its own copy of these.
export {
  protobufFileName,
  protobufPackage,
  type DeepPartial,
  type MessageFns,
} from './generated/hyperswap/v1/adapter.js';
/** Details of errors, as Google's APIs publish them. */
export * as errorDetails from './generated/google/rpc/error_details.js';
export { Status as RpcStatus } from './generated/google/rpc/status.js';
/** Open Inference Protocol of KServe and Triton. */
export * as openInference from './generated/inference/open_inference.js';
/** gRPC's own services, as published. */
export * as health from './generated/grpc/health/v1/health.js';
export * as reflection from './generated/grpc/reflection/v1/reflection.js';
export * as reflectionAlpha from './generated/grpc/reflection/v1alpha/reflection.js';

/**
 * File of all the contract's descriptors, a `google.protobuf.FileDescriptorSet` with comments, written by `buf build`.
 */
export const descriptorSetFile = fileURLToPath(new URL('../generated/descriptors.binpb', import.meta.url));
