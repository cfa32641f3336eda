export { bandValues, type BandValues } from './band-values.js';
export { callUnary, connect, exchange, readStream, upload, type CallOptions } from './client.js';
export { accessToSelf, clientAccess, type ClientAccess } from './client-access.js';
export {
  bidiStreamHandler,
  clientStreamHandler,
  serverStreamHandler,
  unaryHandler,
  type CallContext,
} from './handlers.js';
export type { HostedService, ServiceGroup } from './hosted-service.js';
export { eachPage } from './each-page.js';
export { fromErrorStatus, toDuration, toErrorStatus, toMilliseconds } from './messages.js';
export { newestFirstKey, pageOf, pageSizeOf, type PageLimits, type PageRequest } from './paging.js';
export type { ConnectionLimits } from './connections.js';
export { Health } from './health.js';
export { headerFirst, type HeaderAndRest } from './header-first.js';
export { defaultMessageBytes, rowPieces, rowsPerMessage, windowPieces, type RowPiece } from './message-size.js';
export { pieces } from './pieces.js';
export { ResponseQueue } from './response-queue.js';
export { requireKnown } from './require-known.js';
export { roles, type Role } from './roles.js';
export {
  maximumMessageBytes,
  startServer,
  type RunningServer,
  type ServerAddress,
  type ServerGuard,
} from './server.js';
export { toStatus } from './status.js';
export { watchHandler } from './watch-handler.js';
