export { callUnary, connect, exchange, readStream, upload, type CallOptions } from './client.js';
export {
  bidiStreamHandler,
  clientStreamHandler,
  serverStreamHandler,
  unaryHandler,
  type CallContext,
} from './handlers.js';
export { pieces } from './pieces.js';
export { ResponseQueue } from './response-queue.js';
export { maximumMessageBytes, startServer, type HostedService, type RunningServer } from './server.js';
