export { throwIfAborted } from './cancellation.js';
export { catalogue, isErrorCode, type ErrorCode, type ErrorDetails } from './catalogue/catalogue.js';
export type { CatalogueEntry, DetailKinds, GrpcStatusName } from './catalogue/entry.js';
export {
  failure,
  HyperswapError,
  restoreError,
  serializeError,
  serviceError,
  shortenError,
  toHyperswapError,
  type SerializedError,
} from './hyperswap-error.js';
export {
  isId,
  isKey,
  isObjectKey,
  validateChannel,
  validateId,
  validateKey,
  validateName,
  validateObjectKey,
  validateObjectPrefix,
  validateSubject,
} from './names.js';
export { shorten } from './shorten.js';
export { onStopSignal, stopSignals } from './stop-signals.js';
