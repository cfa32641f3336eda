import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExportBackboneResponse } from '@hyperswap/proto';
import { backboneFiles, fetchBackboneFiles } from '@hyperswap/registry';
import { pieces } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';

/** The files of a backbone that was pretrained or imported here. */
export async function* exportBackbone(store: ObjectStore, name: string): AsyncGenerator<ExportBackboneResponse> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-export-'));
  try {
    await fetchBackboneFiles(store, name, directory);
    for (const file of backboneFiles) {
      for await (const chunk of pieces(path.join(directory, file))) yield { file, chunk };
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
