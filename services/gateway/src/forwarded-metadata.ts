import type { IncomingHttpHeaders } from 'node:http';
import { Metadata } from '@grpc/grpc-js';

/** Returns the metadata that the gateway forwards with a call: the caller's token and trace context. */
export function forwardedMetadata(headers: IncomingHttpHeaders): Metadata {
  const metadata = new Metadata();
  for (const name of ['authorization', 'traceparent'] as const) {
    const value = headers[name];
    if (typeof value === 'string') metadata.set(name, value);
  }
  return metadata;
}
