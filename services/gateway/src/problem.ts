/** Errors of the catalogue as HTTP responses. */
import type { ServerResponse } from 'node:http';
import { shortenError, toHyperswapError, type GrpcStatusName, type HyperswapError } from '@hyperswap/errors';

/** HTTP status of a gRPC status, as `google.rpc.Code` gives it. */
const httpStatus: Readonly<Record<GrpcStatusName, number>> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 409,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};

/** Returns the HTTP status of an error. */
export function httpStatusOf({ status }: HyperswapError): number {
  return httpStatus[status];
}

/** Returns the headers that an error brings: when to try again, and that a token is asked for. */
export function headersOf({ status, retryAfterMilliseconds }: HyperswapError): Readonly<Record<string, string>> {
  return {
    ...(retryAfterMilliseconds > 0 ? { 'retry-after': String(Math.ceil(retryAfterMilliseconds / 1000)) } : {}),
    ...(status === 'UNAUTHENTICATED' ? { 'www-authenticate': 'Bearer' } : {}),
  };
}

/** Answers with an error as JSON: its code and its sentence. A response that has begun is cut off. */
export function sendProblem(response: ServerResponse, thrown: unknown): void {
  const error = toHyperswapError(thrown);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { code, message } = shortenError(error);
  response.writeHead(httpStatusOf(error), {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...headersOf(error),
  });
  response.end(JSON.stringify({ code, message }));
}
