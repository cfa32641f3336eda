/** Checkpoints of training scripts as tensors by name. One tensor is in memory at a time; nothing is executed. */
import { open } from 'node:fs/promises';
import { failure, HyperswapError } from '@hyperswap/errors';
import { SafetensorsError, SafetensorsFile, unusableValue, type TensorSource } from '@hyperswap/safetensors';
import { PickleError } from './pickle-values.js';
import { StoredTensor, TorchArchive } from './torch-archive.js';

/** The first bytes of a zip archive. */
const zipMagic = 'PK\x03\x04';
/** Keys under which training scripts store the weights. */
const weightKeys = ['model', 'state_dict', 'model_state_dict', 'module'];

/** Tensors of an open file. `read` throws BACKBONE_INVALID for values that are not finite, and for a damaged file. */
export interface OpenCheckpoint extends TensorSource {
  close(): void;
}

/**
 * Opens a checkpoint: the zip archive of `torch.save`, or safetensors. It must be closed.
 *
 * @throws FILE_UNREADABLE; BACKBONE_INVALID with the problem of the file
 */
export async function openCheckpoint(file: string): Promise<OpenCheckpoint> {
  try {
    const source = await openSource(file);
    return {
      shapes: source.shapes,
      read: (name) => {
        const values = reading(file, () => source.read(name));
        const unusable = unusableValue(values);
        if (unusable === undefined) return values;
        throw failure('BACKBONE_INVALID', { file, reason: `tensor ${name} holds the value ${unusable}` });
      },
      close: () => source.close(),
    };
  } catch (cause) {
    throw checkpointFailure(file, cause);
  }
}

function reading<Result>(file: string, read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    throw checkpointFailure(file, cause);
  }
}

function checkpointFailure(file: string, cause: unknown): HyperswapError {
  if (cause instanceof HyperswapError) return cause;
  if (cause instanceof PickleError || cause instanceof SafetensorsError) {
    return failure('BACKBONE_INVALID', { file, reason: cause.message }, cause);
  }
  return failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? String(cause) }, cause);
}

async function openSource(file: string): Promise<OpenCheckpoint> {
  const handle = await open(file, 'r');
  let start: string;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(zipMagic.length), 0, zipMagic.length, 0);
    start = buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
  if (start === zipMagic) return stateDictionary(await TorchArchive.open(file));
  if (file.endsWith('.safetensors')) return SafetensorsFile.open(file);
  throw new PickleError(
    'it is neither a zip archive of torch.save (PyTorch 1.6 or newer) nor a .safetensors file; load and save older files with a newer PyTorch',
  );
}

/** The weights among what a training script saved; tensors of an optimiser and the like are never read. */
function stateDictionary(archive: TorchArchive): OpenCheckpoint {
  const { content } = archive;
  if (!(content instanceof Map)) throw new PickleError('it holds no dictionary of tensors');
  const nested = weightKeys
    .map((key) => (content as Map<unknown, unknown>).get(key))
    .find((value) => value instanceof Map);
  const entries = [...((nested ?? content) as Map<unknown, unknown>)];
  const tensors = new Map<string, StoredTensor>();
  for (const [name, value] of entries) {
    // DataParallel puts everything under `module.`.
    if (typeof name === 'string' && value instanceof StoredTensor) tensors.set(name.replace(/^module\./, ''), value);
  }
  if (tensors.size === 0) {
    throw new PickleError(`it holds no weights; at its top are ${[...content.keys()].slice(0, 8).join(', ')}`);
  }
  return {
    shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])),
    read: (name) => archive.read(tensors.get(name)!),
    close: () => {
      archive.close();
    },
  };
}
