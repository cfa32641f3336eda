/** Bodies of requests, within bounds. */
import type { IncomingMessage } from 'node:http';
import { failure } from '@hyperswap/errors';

/** Bytes of one body at most. */
const maximumBodyBytes = 24 * 1024 * 1024;

/** Bytes of all bodies that are in memory at once. */
export class BodyBudget {
  private used = 0;

  constructor(private readonly limit = 8 * maximumBodyBytes) {}

  /** @throws GATEWAY_BUSY */
  reserve(bytes: number): void {
    if (this.used + bytes > this.limit) throw failure('GATEWAY_BUSY', { what: `${this.limit} bytes of requests` });
    this.used += bytes;
  }

  release(bytes: number): void {
    this.used -= bytes;
  }
}

/** A body, whose bytes count until it is released. */
export interface Body {
  readonly bytes: Buffer;
  release(): void;
}

/** Reads a body. The server limits the time. @throws HTTP_INVALID when it is too long, GATEWAY_BUSY */
export async function readBody(request: IncomingMessage, budget: BodyBudget): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (bytes + chunk.byteLength > maximumBodyBytes) {
        throw failure('HTTP_INVALID', { reason: `the body is longer than ${maximumBodyBytes} bytes` });
      }
      budget.reserve(chunk.byteLength);
      bytes += chunk.byteLength;
      chunks.push(chunk);
    }
  } catch (error) {
    budget.release(bytes);
    throw error;
  }
  return { bytes: Buffer.concat(chunks), release: () => budget.release(bytes) };
}
