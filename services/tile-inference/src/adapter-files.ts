/** Files that an adapter travels as: hyperswap's blob, or the two of Hugging Face's PEFT. */
import {
  completePeft,
  exportPeft,
  importPeft,
  maximumBlobBytes,
  peftConfigFile,
  peftModelFile,
  readAdapterSteps,
  writeAdapter,
} from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import { AdapterFormat, type AdapterChunk, type RegisterAdapterHeader } from '@hyperswap/proto';
import type { AdapterRegistry } from '@hyperswap/registry';
import { inTurns } from '@hyperswap/safetensors';

const blobFile = 'adapter.safetensors';
/** PEFT's older format, which Python would execute. */
const pickleFile = 'adapter_model.bin';

/** @throws FIELD_INVALID for a number that is no format */
function filesOf(format: AdapterFormat): readonly string[] {
  if (format === AdapterFormat.ADAPTER_FORMAT_PEFT) return [peftConfigFile, peftModelFile];
  if (format === AdapterFormat.ADAPTER_FORMAT_UNSPECIFIED || format === AdapterFormat.ADAPTER_FORMAT_HYPERSWAP) {
    return [blobFile];
  }
  throw failure('FIELD_INVALID', { field: 'format', reason: `${format} is not known` });
}

/**
 * Receives the files of an adapter, at most 64 MiB together, and makes them a blob.
 *
 * @param fileName named in errors
 * @throws FIELD_INVALID when a file is missing or strange, ADAPTER_INVALID, PEFT_UNSUPPORTED; ADAPTER_NOT_FOUND when
 * `like` means nothing
 */
export async function receiveAdapter(
  registry: AdapterRegistry,
  { format, like }: RegisterAdapterHeader,
  fileName: string,
  chunks: AsyncIterable<AdapterChunk>,
): Promise<Uint8Array> {
  const wanted = filesOf(format);
  const isPeft = wanted.length > 1;
  if (isPeft && like === '') {
    const reason =
      'it is empty, and PEFT’s files hold no patch size, classes, PCA or normaliser: name an adapter of the same scene and backbone that has them';
    throw failure('FIELD_INVALID', { field: 'like', reason });
  }
  // Resolved before the upload is received, so that a wrong reference costs nothing.
  const complete = isPeft ? await inTurns(readAdapterSteps(like, await registry.readBlob(like))) : undefined;
  const files = new Map(wanted.map((file): [string, Buffer[]] => [file, []]));
  let bytes = 0;
  for await (const { file, content } of chunks) {
    const pieces = files.get(file === '' && !isPeft ? blobFile : file);
    if (pieces === undefined) throw strangeFile(file, wanted);
    bytes += content.byteLength;
    if (bytes > maximumBlobBytes) {
      const reason = `it has more than the ${maximumBlobBytes} bytes allowed`;
      throw failure('ADAPTER_INVALID', { file: fileName, reason });
    }
    pieces.push(content);
  }
  const [first, second] = wanted.map((file) => Buffer.concat(files.get(file)!)) as [Buffer, Buffer?];
  if (complete === undefined || second === undefined) return first;
  const missing = wanted.find((file) => files.get(file)!.length === 0);
  if (missing !== undefined) throw failure('FIELD_INVALID', { field: 'chunk.file', reason: `${missing} did not come` });
  return writeAdapter(completePeft(await inTurns(importPeft(first, second)), complete));
}

/**
 * Returns the files of a version, by their names.
 *
 * @throws ADAPTER_NOT_FOUND, OBJECT_DAMAGED, SIGNATURE_INVALID, FIELD_INVALID; PEFT_EXPORT when PEFT cannot hold it
 */
export async function readAdapterFiles(
  registry: AdapterRegistry,
  adapter: string,
  format: AdapterFormat,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const wanted = filesOf(format);
  const blob = await registry.readBlob(adapter);
  if (wanted.length === 1) return new Map([[blobFile, blob]]);
  const { config, model } = exportPeft(adapter, await inTurns(readAdapterSteps(adapter, blob)));
  return new Map<string, Uint8Array>([
    [peftConfigFile, Buffer.from(config)],
    [peftModelFile, model],
  ]);
}

function strangeFile(file: string, wanted: readonly string[]): Error {
  if (file === pickleFile) {
    return failure('PEFT_UNSUPPORTED', {
      file,
      reason: 'it is a pickle, which could run anything',
      mend: 'In Python save it with save_pretrained(…, safe_serialization=True)',
    });
  }
  return failure('FIELD_INVALID', { field: 'chunk.file', reason: `${file} is none of ${wanted.join(', ')}` });
}
