/** Calls by gRPC-web, written down to the byte, so that a test does not depend on a client library. */
import assert from 'node:assert/strict';
import { errorDetails, RpcStatus } from '@hyperswap/proto';

/** Answer to a call by gRPC-web. */
export interface WebAnswer {
  /** HTTP status. */
  readonly http: number;
  readonly headers: Headers;
  readonly messages: readonly Uint8Array[];
  /** gRPC status. */
  readonly status: number;
  readonly message: string;
  /** Code of the error catalogue; undefined without details. */
  readonly code: string | undefined;
}

/** Returns the body of a call with one message. */
export function frame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(5 + message.byteLength);
  new DataView(body.buffer).setUint32(1, message.byteLength);
  body.set(message, 5);
  return body;
}

/** Calls a method. @param path as `/hyperswap.v1.SceneService/ListScenes` */
export async function callWeb(
  address: string,
  path: string,
  message: Uint8Array,
  headers: Record<string, string> = {},
): Promise<WebAnswer> {
  const response = await fetch(address + path, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc-web+proto', ...headers },
    body: frame(message),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  assert.equal(response.headers.get('content-type'), 'application/grpc-web+proto', new TextDecoder().decode(bytes));
  return { http: response.status, headers: response.headers, ...readFrames(bytes) };
}

/** Reads the frames of an answer. */
export function readFrames(bytes: Uint8Array): Omit<WebAnswer, 'http' | 'headers'> {
  const messages: Uint8Array[] = [];
  let trailers = new Map<string, string>();
  for (let at = 0; at < bytes.byteLength;) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(1);
    const content = bytes.subarray(at + 5, at + 5 + length);
    assert.equal(content.byteLength, length, 'a frame is whole');
    if (bytes[at] === 0x80) {
      const lines = new TextDecoder().decode(content).trim().split('\r\n');
      trailers = new Map(
        lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
      );
    } else messages.push(content);
    at += 5 + length;
  }
  return {
    messages,
    status: Number(trailers.get('grpc-status')),
    message: decodeURIComponent(trailers.get('grpc-message') ?? ''),
    code: codeOf(trailers.get('grpc-status-details-bin')),
  };
}

function codeOf(details: string | undefined): string | undefined {
  if (details === undefined) return undefined;
  const found = RpcStatus.decode(Buffer.from(details, 'base64')).details.find(({ typeUrl }) =>
    typeUrl.endsWith('ErrorInfo'),
  );
  return found && errorDetails.ErrorInfo.decode(found.value).reason;
}
