import type { IncomingHttpHeaders } from 'node:http';
import { Metadata } from '@grpc/grpc-js';

/** Returns what travels on from a request to the services: the caller's token, and its place in a trace. */
export function forwardedMetadata(headers: IncomingHttpHeaders): Metadata {
  const metadata = new Metadata();
  for (const name of ['authorization', 'traceparent'] as const) {
    const value = headers[name];
    if (typeof value === 'string') metadata.set(name, value);
  }
  return metadata;
}
