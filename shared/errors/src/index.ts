export { throwIfAborted } from './cancellation.js';
export { catalogue, type ErrorCode, type ErrorDetails, type GrpcStatusName } from './catalogue.js';
export {
  failure,
  HyperswapError,
  isErrorCode,
  serializeError,
  toHyperswapError,
  type SerializedError,
} from './hyperswap-error.js';
export { validateName } from './names.js';
