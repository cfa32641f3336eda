import { createReadStream } from 'node:fs';

/** Bytes of a message that carries a piece of something larger: far below the limit, large enough to be fast. */
const pieceBytes = 1024 * 1024;

/** Bytes, or a file's content, in pieces that fit a message. @param content bytes, or the path of a file */
export async function* pieces(content: string | Uint8Array): AsyncGenerator<Buffer> {
  if (typeof content === 'string') {
    for await (const piece of createReadStream(content, { highWaterMark: pieceBytes })) yield piece as Buffer;
    return;
  }
  for (let start = 0; start < content.byteLength; start += pieceBytes) {
    yield Buffer.from(content.subarray(start, start + pieceBytes));
  }
}
