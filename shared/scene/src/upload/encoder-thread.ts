/** Thread that compresses blocks of bands. */
import { encodeBlock } from '../codec/block-codec.js';
import { serveOperations, Transferred } from '../threads/serve-operations.js';

const operations = {
  encode: async (bytes: Uint8Array): Promise<Transferred<Uint8Array>> => {
    const encoded = await encodeBlock(bytes);
    // A view of a larger memory is copied.
    const own = encoded.byteLength === encoded.buffer.byteLength ? encoded : new Uint8Array(encoded);
    return new Transferred(own, [own.buffer as ArrayBuffer]);
  },
};

export type EncoderOperations = typeof operations;

serveOperations(operations);
