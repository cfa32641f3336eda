/** Adapters on disk: hyperswap's blob, or the two files of Hugging Face's PEFT. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { completePeft, exportPeft, importPeft, readAdapter, writeAdapter } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';

export const adapterFormats = ['hyperswap', 'peft'] as const;
export type AdapterFormat = (typeof adapterFormats)[number];

const configName = 'adapter_config.json';
const modelName = 'adapter_model.safetensors';

/**
 * Reads an adapter's blob. A folder is taken for PEFT's, whose files lack patch size, classes, PCA and normaliser; those come from another adapter.
 *
 * @param like blob of an adapter of the same backbone and scene
 * @throws FILE_UNREADABLE, ADAPTER_INVALID
 */
export async function readAdapterFile(
  given: string,
  like: (() => Promise<Uint8Array>) | undefined,
): Promise<Uint8Array> {
  const isFolder = await stat(given).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (!isFolder) {
    if (given.endsWith('.bin')) {
      const reason =
        'it is a pickle, which could run anything; in Python save it with save_pretrained(…, safe_serialization=True) and import that folder';
      throw failure('ADAPTER_INVALID', { file: given, reason });
    }
    return read(given);
  }
  const config = await read(path.join(given, configName));
  const model = await read(path.join(given, modelName)).catch(async (error: unknown) => {
    const hasPickle = await stat(path.join(given, 'adapter_model.bin')).then(
      () => true,
      () => false,
    );
    if (hasPickle) return readAdapterFile(path.join(given, 'adapter_model.bin'), like);
    throw error;
  });
  if (like === undefined) {
    const reason =
      'PEFT’s files hold no patch size, classes, PCA or normaliser: name with --like an adapter of the same scene and backbone that has them';
    throw failure('ADAPTER_INVALID', { file: given, reason });
  }
  const complete = readAdapter('--like', await like());
  return writeAdapter(completePeft(importPeft(config.toString('utf8'), model), complete));
}

/** @returns the files written @throws ADAPTER_INVALID when the format cannot hold it */
export async function writeAdapterFile(
  reference: string,
  blob: Uint8Array,
  directory: string,
  format: AdapterFormat,
): Promise<string[]> {
  const files: [string, Uint8Array | string][] =
    format === 'hyperswap' ? [['adapter.safetensors', blob]] : peftFiles(reference, blob);
  await mkdir(directory, { recursive: true });
  for (const [name, content] of files) await writeFile(path.join(directory, name), content);
  return files.map(([name]) => path.join(directory, name));
}

function peftFiles(reference: string, blob: Uint8Array): [string, Uint8Array | string][] {
  const { config, model } = exportPeft(reference, readAdapter(reference, blob));
  return [
    [configName, config],
    [modelName, model],
  ];
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
}
