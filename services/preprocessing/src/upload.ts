import { failure } from '@hyperswap/errors';
import type { PrepareSceneHeader, PrepareSceneRequest } from '@hyperswap/proto';
import { headerFirst } from '@hyperswap/rpc';

export interface UploadedScene {
  readonly header: PrepareSceneHeader;
  /** The scene's file, then the labels' files, in the header's order. */
  readonly files: readonly Buffer[];
}

/**
 * Collects an upload: the header, then chunks.
 *
 * @param limit bytes that all files together may have
 * @throws FIELD_INVALID when the header is missing, comes twice, or the files are too large
 */
export async function receiveUpload(
  requests: AsyncIterable<PrepareSceneRequest>,
  limit: number,
): Promise<UploadedScene> {
  const { header, rest } = await headerFirst(requests);
  const count = 1 + header.labels.filter(({ inSceneFile }) => !inSceneFile).length;
  const chunks: Buffer[][] = [];
  let bytes = 0;
  for await (const { value: chunk } of rest) {
    const { file, content } = chunk;
    if (file >= count) {
      throw failure('FIELD_INVALID', { field: 'chunk.file', reason: `it is ${file}, the header names ${count} files` });
    }
    bytes += content.byteLength;
    if (bytes > limit) {
      throw failure('FIELD_INVALID', {
        field: header.fileName,
        reason: `it is larger than the ${limit} bytes allowed (HYPERSWAP_MAXIMUM_SCENE_BYTES)`,
      });
    }
    (chunks[file] ??= []).push(content);
  }
  return { header, files: Array.from({ length: count }, (_, file) => Buffer.concat(chunks[file] ?? [])) };
}
