import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Backbone, ImportBackboneRequest, ImportBackboneResponse } from '@hyperswap/proto';
import { pieces, upload } from '@hyperswap/rpc';
import { pretrainedDirectory } from '@hyperswap/spectralgpt';
import type { ServiceClients } from './services.js';

/** Folder of the backbone that ships. */
export const shippedFolder = path.join(pretrainedDirectory, 'spectralgpt-mini');

/** Imports the weights of the shipped backbone with another config. */
export async function importOtherConfig(
  { backbones }: Pick<ServiceClients, 'backbones'>,
  name: string,
  change: object,
): Promise<Backbone> {
  const config = JSON.parse(await readFile(path.join(shippedFolder, 'config.json'), 'utf8')) as object;
  async function* requests(): AsyncGenerator<ImportBackboneRequest> {
    yield { part: { $case: 'header', value: { name } } };
    const content = Buffer.from(JSON.stringify({ ...config, ...change }));
    yield { part: { $case: 'chunk', value: { file: 'config.json', content } } };
    for await (const piece of pieces(path.join(shippedFolder, 'model.safetensors'))) {
      yield { part: { $case: 'chunk', value: { file: 'model.safetensors', content: piece } } };
    }
  }
  const { backbone } = await upload<ImportBackboneRequest, ImportBackboneResponse>(
    backbones,
    (callback) => backbones.importBackbone(callback),
    requests(),
  );
  return backbone!;
}
