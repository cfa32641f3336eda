import type { Hash } from 'node:crypto';

/** The same pieces, each taken into a hash on its way: a stage of a pipeline. */
export function hashedPieces(hash: Hash): (pieces: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (pieces) {
    for await (const piece of pieces) {
      hash.update(piece);
      yield piece;
    }
  };
}
