/** Frames of gRPC-web (PROTOCOL-WEB.md of gRPC): a flag, a length of four bytes, and that many bytes. */
import { failure } from '@hyperswap/errors';

const headerBytes = 5;
const trailerFlag = 0x80;

/** Returns the header of a message's frame. */
export function messageHeader(bytes: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(bytes, 1);
  return header;
}

/** Returns the frame with the status that ends a call. @param fields names in lower case, and their values */
export function trailerFrame(fields: Readonly<Record<string, string>>): Buffer {
  const text = Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const body = Buffer.from(text, 'latin1');
  const header = messageHeader(body.byteLength);
  header[0] = trailerFlag;
  return Buffer.concat([header, body]);
}

/** Returns the one message of a request. @throws HTTP_INVALID when the body is not one uncompressed message */
export function onlyMessage(body: Buffer): Buffer {
  const invalid = (reason: string): Error => failure('HTTP_INVALID', { reason });
  if (body.byteLength < headerBytes) throw invalid('the body ends within the header of its message');
  if (body[0] !== 0) throw invalid('its message is compressed, or is none');
  const length = body.readUInt32BE(1);
  if (body.byteLength !== headerBytes + length) {
    throw invalid(`the body has ${body.byteLength - headerBytes} bytes of message, its header names ${length}`);
  }
  return body.subarray(headerBytes);
}
