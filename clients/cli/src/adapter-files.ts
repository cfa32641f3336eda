/** Adapters on disk: hyperswap's blob, or the two files of Hugging Face's PEFT. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import { AdapterFormat } from '@hyperswap/proto';

/** Formats by the names that `--format` takes. */
export const adapterFormats = {
  hyperswap: AdapterFormat.ADAPTER_FORMAT_HYPERSWAP,
  peft: AdapterFormat.ADAPTER_FORMAT_PEFT,
} as const;

const blobName = 'adapter.safetensors';
const configName = 'adapter_config.json';
const modelName = 'adapter_model.safetensors';
const pickleName = 'adapter_model.bin';

/** Files of an adapter by the names that they travel under. */
export interface AdapterFiles {
  readonly format: AdapterFormat;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads the files of an adapter: a folder is taken for PEFT's, anything else for a blob.
 *
 * @throws FILE_UNREADABLE; PEFT_UNSUPPORTED for a pickle
 */
export async function readAdapterFiles(given: string): Promise<AdapterFiles> {
  if (!(await isFolder(given))) {
    if (given.endsWith('.bin')) throw pickled(given);
    return { format: adapterFormats.hyperswap, files: new Map([[blobName, await read(given)]]) };
  }
  const config = await read(path.join(given, configName));
  const model = await read(path.join(given, modelName)).catch(async (error: unknown) => {
    const pickle = path.join(given, pickleName);
    throw (await isThere(pickle)) ? pickled(pickle) : error;
  });
  return {
    format: adapterFormats.peft,
    files: new Map([
      [configName, config],
      [modelName, model],
    ]),
  };
}

/** Writes files into a folder. @returns their paths @throws errors of the file system */
export async function writeAdapterFiles(
  files: ReadonlyMap<string, readonly Uint8Array[]>,
  directory: string,
): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const written: string[] = [];
  for (const [name, pieces] of files) {
    const file = path.join(directory, path.basename(name));
    await writeFile(file, Buffer.concat(pieces));
    written.push(file);
  }
  return written;
}

function pickled(file: string): Error {
  return failure('PEFT_UNSUPPORTED', {
    file,
    reason: 'it is a pickle, which could run anything',
    mend: 'In Python save it with save_pretrained(…, safe_serialization=True) and import that folder',
  });
}

async function isFolder(given: string): Promise<boolean> {
  return stat(given).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
}
