/** Calls of browsers, passed on to gRPC byte for byte. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Client, status as grpcCodes, type ClientReadableStream, type StatusObject } from '@grpc/grpc-js';
import { failure } from '@hyperswap/errors';
import { toStatus } from '@hyperswap/rpc';
import { readBody, type BodyBudget } from '../body.js';
import { forwardedMetadata } from '../forwarded-metadata.js';
import type { Channels, PublicMethod } from '../routes.js';
import { sendPiece } from '../send-piece.js';
import { timeoutOf } from './deadline.js';
import { messageHeader, onlyMessage, trailerFrame } from './frames.js';

const contentType = 'application/grpc-web+proto';
const asIs = (bytes: Buffer): Buffer => bytes;

/** Returns true if a request is a call by gRPC-web in binary form. */
export function isGrpcWeb({ headers }: IncomingMessage): boolean {
  return /^application\/grpc-web(\+proto)?(;|$)/.test(headers['content-type'] ?? '');
}

/**
 * Answers a call: messages as the service sends them, then its status. Every error travels as a status with details.
 */
export async function answerCall(
  request: IncomingMessage,
  response: ServerResponse,
  call: {
    readonly path: string;
    readonly method: PublicMethod;
    readonly channels: Channels;
    readonly budget: BodyBudget;
  },
): Promise<void> {
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
  let status: StatusObject;
  try {
    status = await forward(request, response, call);
  } catch (error) {
    status = toStatus(error);
  }
  if (!response.destroyed) response.end(trailerFrame(trailerOf(status)));
}

async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  { path, method, channels, budget }: Parameters<typeof answerCall>[2],
): Promise<StatusObject> {
  if (method.takesStream) {
    throw failure('HTTP_INVALID', {
      reason: `${path} takes a stream of requests, which browsers cannot send: use gRPC`,
    });
  }
  const timeout = timeoutOf(request.headers['grpc-timeout']?.toString(), method.answersStream);
  const body = await readBody(request, budget);
  try {
    const options = timeout === undefined ? {} : { deadline: Date.now() + timeout };
    const client = channels.client(Client, method.service);
    const message = onlyMessage(body.bytes);
    const stream = client.makeServerStreamRequest(
      path,
      asIs,
      asIs,
      message,
      forwardedMetadata(request.headers),
      options,
    );
    return await pump(stream, response);
  } finally {
    body.release();
  }
}

/**
 * Sends messages as fast as the browser reads them, and cancels the call when the browser disconnects.
 *
 * @returns the status of the call
 */
async function pump(stream: ClientReadableStream<Buffer>, response: ServerResponse): Promise<StatusObject> {
  const cancel = (): void => stream.cancel();
  response.once('close', cancel);
  const status = new Promise<StatusObject>((resolve) => stream.once('status', resolve));
  try {
    for await (const message of stream as AsyncIterable<Buffer>) {
      await sendPiece(response, messageHeader(message.byteLength));
      await sendPiece(response, message);
    }
  } catch (error) {
    stream.cancel();
    // The status has the reason why a call failed. Other errors belong to the connection to the browser.
    if (!(error instanceof Error && 'metadata' in error)) throw error;
  } finally {
    response.off('close', cancel);
  }
  return status;
}

function trailerOf({ code, details, metadata }: StatusObject): Record<string, string> {
  const fields: Record<string, string> = { 'grpc-status': String(code) };
  // As gRPC encodes it: UTF-8 with percent signs for all but printable ASCII.
  if (code !== grpcCodes.OK) fields['grpc-message'] = encodeURIComponent(details).replaceAll('%20', ' ');
  for (const value of metadata.get('grpc-status-details-bin')) {
    fields['grpc-status-details-bin'] = Buffer.from(value).toString('base64');
  }
  return fields;
}
