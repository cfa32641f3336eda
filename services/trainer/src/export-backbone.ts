import path from 'node:path';
import type { ExportBackboneResponse } from '@hyperswap/proto';
import { backboneFiles, manifestFile, type Backbones } from '@hyperswap/registry';
import { pieces } from '@hyperswap/rpc';

/**
 * Returns the files of a backbone, and its manifest.
 *
 * @throws BACKBONE_NOT_FOUND, BACKBONE_INVALID, OBJECT_DAMAGED
 */
export async function* exportBackbone(backbones: Backbones, name: string): AsyncGenerator<ExportBackboneResponse> {
  const files = await backbones.acquireFiles(name);
  try {
    for (const file of [...backboneFiles, manifestFile]) {
      for await (const chunk of pieces(path.join(files.directory, file))) yield { file, chunk };
    }
  } finally {
    await files.release();
  }
}
