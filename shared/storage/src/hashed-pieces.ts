import type { Hash } from 'node:crypto';

/** Passes pieces on unchanged and updates a hash with each: a stage of a pipeline. */
export function hashedPieces(hash: Hash): (pieces: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (pieces) {
    for await (const piece of pieces) {
      hash.update(piece);
      yield piece;
    }
  };
}
