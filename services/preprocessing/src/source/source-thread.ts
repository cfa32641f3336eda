/** Thread that decodes a GeoTIFF; its bytes are read by the thread that began it. */
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { failure, restoreError, type SerializedError } from '@hyperswap/errors';
import { isTiff, openRaster, type RandomAccess, type RasterInfo, type RasterReader } from '@hyperswap/raster';
import { serveOperations, Transferred } from '@hyperswap/scene';

/** Part of a file that is wanted. */
export interface RangeWanted {
  readonly offset: number;
  readonly length: number;
}

export type RangeAnswer = { readonly bytes: Uint8Array<ArrayBuffer> } | { readonly error: SerializedError };

interface FileToOpen {
  /** Takes a `RangeWanted`, and answers each with a `RangeAnswer`, in order. */
  readonly port: MessagePort;
  readonly name: string;
  readonly size: number;
}

let raster: RasterReader | undefined;

const operations = {
  open: async ({ port, name, size }: FileToOpen): Promise<RasterInfo> => {
    const file = fileOf(port, name, size);
    if (!isTiff(await file.read(0, Math.min(4, size)))) {
      const reason = 'only GeoTIFF and COG are read from the store and from URLs';
      throw failure('FILE_FORMAT', { file: name, expected: 'GeoTIFF', reason });
    }
    raster = await openRaster(file, { mask: 'none' });
    return raster.info;
  },
  rows: async ({ row, count }: { readonly row: number; readonly count: number }): Promise<Transferred<Uint8Array>> => {
    const width = raster!.info.width;
    const read = await raster!.readWindow({ row, column: 0, height: count, width });
    // Scenes have no signed bytes.
    const values = read instanceof Int8Array ? Int16Array.from(read) : read;
    const bytes = new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
    return new Transferred(bytes, [bytes.buffer]);
  },
};

export type SourceOperations = typeof operations;

/** Returns the file that a port reads; one part is read at a time. */
function fileOf(port: MessagePort, name: string, size: number): RandomAccess {
  const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    if (offset < 0 || length < 0 || offset + length > size) {
      const reason = `it is truncated: it has ${size} bytes, ${offset + length} are needed`;
      throw failure('FILE_FORMAT', { file: name, expected: 'complete', reason });
    }
    if (length === 0) return new Uint8Array(0);
    port.postMessage({ offset, length } satisfies RangeWanted);
    const [answer] = (await once(port, 'message')) as [RangeAnswer];
    if ('error' in answer) throw restoreError(answer.error);
    return answer.bytes;
  };
  let turn: Promise<unknown> = Promise.resolve();
  return {
    name,
    size,
    read: (offset, length) => {
      const result = turn.then(() => read(offset, length));
      turn = result.catch(() => undefined);
      return result;
    },
    siblings: () => Promise.resolve([]),
    sibling: (other) => Promise.reject(failure('FILE_UNREADABLE', { file: other, reason: 'ENOENT' })),
    close: () => {
      port.close();
      return Promise.resolve();
    },
  };
}

serveOperations(operations);
