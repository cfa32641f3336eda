import type { ExportBackboneResponse } from '@hyperswap/proto';
import { readBackboneFiles } from '@hyperswap/registry';
import type { ObjectStore } from '@hyperswap/storage';

const chunkBytes = 1024 * 1024;

/** The files of a backbone that was pretrained or imported here. */
export async function* exportBackbone(store: ObjectStore, name: string): AsyncGenerator<ExportBackboneResponse> {
  for (const [file, content] of Object.entries(await readBackboneFiles(store, name))) {
    for (let start = 0; start < content.byteLength; start += chunkBytes) {
      yield { file, chunk: Buffer.from(content.subarray(start, start + chunkBytes)) };
    }
  }
}
