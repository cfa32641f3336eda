import { defaultMessageBytes } from './message-size.js';

const maximumItems = 1024;

interface Waiting<Response> {
  readonly response: Response;
  readonly bytes: number;
}

interface Pusher<Response> extends Waiting<Response> {
  readonly admitted: () => void;
}

/**
 * Responses of a stream that are made elsewhere, in any order. They come out when the client is ready for them. At most
 * 1024 responses wait, and at most the bytes of one message (or one larger response). Further pushes wait for room. The
 * queue ends when it is closed, or with the first error.
 */
export class ResponseQueue<Response> implements AsyncIterable<Response> {
  /** By key of {@link replace}; each pushed response has a key of its own. */
  private readonly waiting = new Map<unknown, Waiting<Response>>();
  private waitingBytes = 0;
  /** Pushes that wait for room, in order. */
  private readonly pushers: Pusher<Response>[] = [];
  private outcome: { readonly error?: unknown } | undefined;
  private wake: () => void = () => undefined;

  /** @param sizeOf bytes of a response; without it only their number is bounded */
  constructor(private readonly sizeOf: (response: Response) => number = () => 0) {}

  /** The queue ended, failed, or lost its reader: further responses are dropped. */
  get closed(): boolean {
    return this.outcome !== undefined;
  }

  /** Adds a response. @returns when it has room, or when the queue is closed */
  push(response: Response): Promise<void> {
    if (this.closed) return Promise.resolve();
    const bytes = this.sizeOf(response);
    return new Promise((resolve) => {
      this.pushers.push({ response, bytes, admitted: resolve });
      this.admit();
    });
  }

  /** Adds a response that replaces an unread response with the same key. */
  replace(key: string, news: Response): void {
    if (this.closed) return;
    this.take(key);
    this.add(key, { response: news, bytes: this.sizeOf(news) });
  }

  /** Ends the stream after the responses that wait. */
  end(): void {
    this.outcome ??= {};
    this.wake();
  }

  /** Ends the stream with an error, after the responses that wait. */
  fail(error: unknown): void {
    this.outcome ??= { error };
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Response, void, undefined> {
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        for (const key of this.waiting.keys()) yield this.take(key)!.response;
        if (this.waiting.size > 0) continue;
        if (this.outcome !== undefined && 'error' in this.outcome) throw this.outcome.error;
        if (this.closed) return;
        await changed;
      }
    } finally {
      this.close();
    }
  }

  private add(key: unknown, waiting: Waiting<Response>): void {
    this.waiting.set(key, waiting);
    this.waitingBytes += waiting.bytes;
    this.wake();
  }

  private take(key: unknown): Waiting<Response> | undefined {
    const found = this.waiting.get(key);
    this.waiting.delete(key);
    this.waitingBytes -= found?.bytes ?? 0;
    this.admit();
    return found;
  }

  /** Admits waiting pushes in order, as far as there is room. */
  private admit(): void {
    for (let next; (next = this.pushers[0]) !== undefined && this.hasRoom(next.bytes);) {
      this.pushers.shift();
      this.add(Symbol('pushed'), next);
      next.admitted();
    }
  }

  private hasRoom(bytes: number): boolean {
    if (this.waiting.size === 0) return true;
    return this.waiting.size < maximumItems && this.waitingBytes + bytes <= defaultMessageBytes;
  }

  /** The reader left, or has read everything. */
  private close(): void {
    this.outcome ??= {};
    this.waiting.clear();
    for (const { admitted } of this.pushers.splice(0)) admitted();
  }
}
