/**
 * Calls over HTTP/2 without a gRPC library, for messages that no library would send and for clients that read slowly or
 * not at all.
 */
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';

const prefixBytes = 5;

/** Call whose request was sent and whose answer was not read yet. */
export class RawCall {
  /** Header fields and trailers that have arrived. */
  readonly fields: Record<string, string> = {};
  private readonly session: ClientHttp2Session;
  private readonly stream: ClientHttp2Stream;
  private readonly ended: Promise<unknown>;

  /**
   * @param method path, for example `/hyperswap.v1.TrainerService/WatchTraining`
   * @param message the only request; without it they are sent by {@link send}
   * @param more header fields beside the usual ones
   */
  constructor(endpoint: string, method: string, message?: Uint8Array, more: Readonly<Record<string, string>> = {}) {
    this.session = connect(`http://${endpoint}`);
    const usual = { ':method': 'POST', ':path': method, 'content-type': 'application/grpc', te: 'trailers' };
    const headers = { ...usual, ...more };
    this.stream = this.session.request(headers);
    const take = (fields: object): void => {
      for (const [name, value] of Object.entries(fields)) this.fields[name] = String(value);
    };
    this.stream.on('response', take).on('trailers', take);
    this.stream.on('error', () => undefined);
    this.ended = once(this.stream, 'close').catch(() => undefined);
    if (message !== undefined) this.stream.end(framed(message));
  }

  /** Sends one more request. @returns when the connection takes more, or is closed */
  async send(message: Uint8Array): Promise<void> {
    if (this.stream.write(framed(message))) return;
    await Promise.race([once(this.stream, 'drain'), this.ended]);
  }

  /** Sends the beginning of a message that has so many bytes, and nothing of these. */
  sendLength(bytes: number): void {
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(bytes, 1);
    this.stream.write(prefix);
  }

  /** Ends the requests. */
  end(): void {
    this.stream.end();
  }

  /** Messages of the answer; after the last one the trailers are in {@link fields}. */
  async *messages(): AsyncGenerator<Buffer, void, undefined> {
    let chunks: Buffer[] = [];
    let bytes = 0;
    let wanted = prefixBytes;
    for await (const chunk of this.stream) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).byteLength;
      while (bytes >= wanted) {
        const received = Buffer.concat(chunks);
        const end = prefixBytes + received.readUInt32BE(1);
        const isWhole = bytes >= end;
        if (isWhole) yield received.subarray(prefixBytes, end);
        const rest = isWhole ? received.subarray(end) : received;
        chunks = [rest];
        bytes = rest.byteLength;
        wanted = isWhole ? prefixBytes : end;
      }
    }
  }

  get closed(): boolean {
    return this.stream.closed;
  }

  close(): void {
    this.session.destroy();
  }
}

/** A message as gRPC sends it: not compressed, its length before it. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
}

/** Sends one request and returns the header fields and trailers of the answer. */
export async function rawFields(
  endpoint: string,
  method: string,
  message: Uint8Array,
): Promise<Readonly<Record<string, string>>> {
  const call = new RawCall(endpoint, method, message);
  try {
    const messages = call.messages();
    while ((await messages.next()).done !== true);
    return call.fields;
  } finally {
    call.close();
  }
}
