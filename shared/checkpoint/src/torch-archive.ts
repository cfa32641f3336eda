/**
 * The zip archive that `torch.save` writes: a pickle, and one uncompressed file for each storage. Tensors are read when
 * they are asked for.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { fromFdPromise, type Entry } from 'yauzl';
import { bfloat16ToFloat32, float16ToFloat32 } from '@hyperswap/safetensors';
import { readPickle } from './pickle.js';
import { PickledObject, PickleError, type PickleConstructor, type PickleOptions } from './pickle-values.js';

/** A tensor of the pickle: a view of a storage. */
export class StoredTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

interface Storage {
  readonly key: string;
  readonly type: string;
  readonly elements: number;
}

interface Place {
  readonly start: number;
  readonly bytes: number;
}

/** Element types by the name of their storage class, with their bytes; others may be there, but not be read. */
const elementBytes: Readonly<Record<string, number>> = { FloatStorage: 4, HalfStorage: 2, BFloat16Storage: 2 };
const storageName = /^torch\.(?:storage\.)?(\w+Storage)$/;
const maximumPickleBytes = 64 * 1024 * 1024;
const maximumEntries = 100_000;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);

/** Names from PyTorch and training scripts that may occur beside the weights. They are kept by name, and not used. */
const inert = [
  'argparse.Namespace',
  'torch.Size',
  'torch.device',
  'collections.defaultdict',
  'collections.Counter',
  'pathlib.PosixPath',
  'pathlib.Path',
  'numpy.dtype',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  '_codecs.encode',
];
const knownNames =
  /^(torch\.(float|half|double|bfloat|int|long|uint|bool)\w*|numpy\.ndarray|builtins\.(dict|list|int|float|bool|str|set))$/;

/** An open checkpoint. */
export class TorchArchive {
  private constructor(
    private readonly descriptor: number,
    private readonly places: ReadonlyMap<string, Place>,
    /** The pickle: dictionaries are maps, tuples are arrays, tensors are `StoredTensor`. */
    readonly content: unknown,
  ) {}

  /** @throws PickleError when the file is not such an archive, or holds more than tensors and plain data */
  static async open(path: string): Promise<TorchArchive> {
    const descriptor = openSync(path, 'r');
    try {
      const { pickle, places } = await readEntries(descriptor);
      return new TorchArchive(descriptor, places, readPickle(pickle, pickleOptions()));
    } catch (cause) {
      closeSync(descriptor);
      if (cause instanceof PickleError) throw cause;
      throw new PickleError(cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  /** A tensor's values, row by row, as float32. @throws PickleError when they are not all in the file */
  read({ storage, offset, shape, strides }: StoredTensor): Float32Array {
    const bytes = elementBytes[storage.type];
    if (bytes === undefined) throw new PickleError(`it holds values of ${storage.type}, which is not read`);
    const place = this.places.get(storage.key);
    if (place === undefined) throw new PickleError(`storage ${storage.key} is missing`);
    const count = shape.reduce((product, size) => product * size, 1);
    if (count === 0) return new Float32Array(0);
    const last = offset + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);
    if ((last + 1) * bytes > place.bytes || last >= storage.elements || count > storage.elements) {
      throw new PickleError(`a tensor [${shape.join(', ')}] reaches past the end of storage ${storage.key}`);
    }
    const span = decode(this.bytes(place.start + offset * bytes, (last + 1 - offset) * bytes), storage.type);
    return isContiguous(shape, strides) ? span : gather(span, shape, strides, count);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private bytes(start: number, length: number): ArrayBuffer {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.descriptor, bytes, done, length - done, start + done);
      if (count === 0) throw new PickleError('it ends before its tensors do');
      done += count;
    }
    return bytes.buffer;
  }
}

async function readEntries(descriptor: number): Promise<{ pickle: Buffer; places: ReadonlyMap<string, Place> }> {
  const fileBytes = fstatSync(descriptor).size;
  const zip = await fromFdPromise(descriptor, { autoClose: false });
  if (zip.entryCount > maximumEntries) throw new PickleError(`it has ${zip.entryCount} entries`);
  const places = new Map<string, Place>();
  let pickle: Buffer | undefined;
  for await (const entry of zip.eachEntry()) {
    const inner = entry.fileName.slice(entry.fileName.indexOf('/') + 1);
    if (inner === 'data.pkl') {
      if (pickle !== undefined) throw new PickleError('it holds data.pkl twice');
      pickle = await readSmall(zip, entry);
    } else if (inner === 'byteorder' && (await readSmall(zip, entry)).toString('latin1') !== 'little') {
      throw new PickleError('it was written on a big-endian machine');
    } else if (inner.startsWith('data/')) {
      if (entry.compressionMethod !== 0)
        throw new PickleError(`storage ${inner} is compressed, which torch.save never does`);
      const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      if (fileDataStart + entry.uncompressedSize > fileBytes) throw new PickleError('it ends before its tensors do');
      places.set(inner.slice('data/'.length), { start: fileDataStart, bytes: entry.uncompressedSize });
    }
  }
  if (pickle === undefined) throw new PickleError('it holds no data.pkl: torch.save of PyTorch 1.6 or newer makes one');
  return { pickle, places };
}

async function readSmall(zip: Awaited<ReturnType<typeof fromFdPromise>>, entry: Entry): Promise<Buffer> {
  if (entry.uncompressedSize > maximumPickleBytes) {
    throw new PickleError(
      `${entry.fileName} has ${entry.uncompressedSize} bytes, more than the ${maximumPickleBytes} allowed`,
    );
  }
  const parts: Buffer[] = [];
  for await (const part of await zip.openReadStreamPromise(entry)) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** The pairs of a dictionary that was written with its items as an argument. */
function orderedDictionary([items]: readonly unknown[], count: (values: number) => void): Map<unknown, unknown> {
  const pairs = Array.isArray(items) ? (items as unknown[]) : [];
  if (!pairs.every(Array.isArray)) throw new PickleError('it makes a dictionary of what are no pairs');
  count(2 * pairs.length);
  return new Map(pairs as [unknown, unknown][]);
}

function pickleOptions(): PickleOptions {
  const rebuild = (args: readonly unknown[]): StoredTensor => {
    const [storage, offset, shape, strides] = args;
    const valid = isCount(offset) && isCounts(shape) && isCounts(strides) && shape.length === strides.length;
    if (!valid || !isStorage(storage)) throw new PickleError('it describes a tensor wrongly');
    return new StoredTensor(storage, offset, shape, strides);
  };
  const constructors = new Map<string, PickleConstructor>([
    ['collections.OrderedDict', orderedDictionary],
    ['torch._utils._rebuild_tensor', rebuild],
    ['torch._utils._rebuild_tensor_v2', rebuild],
    ['torch._utils._rebuild_parameter', (args) => args[0]],
    ...inert.map((path) => [path, (args: readonly unknown[]) => new PickledObject(path, args)] as const),
  ]);
  return {
    constructors,
    isKnown: (path: string) => storageName.test(path) || knownNames.test(path),
    persistent: (id: unknown): Storage => {
      const [kind, type, key, , elements] = Array.isArray(id) ? (id as unknown[]) : [];
      const name = storageName.exec((type as { path?: string } | undefined)?.path ?? '')?.[1];
      if (kind !== 'storage' || name === undefined || typeof key !== 'string' || !isCount(elements)) {
        throw new PickleError('it describes a storage wrongly');
      }
      return { key, type: name, elements };
    },
  };
}

function isStorage(value: unknown): value is Storage {
  return typeof value === 'object' && value !== null && 'key' in value && 'elements' in value;
}

function decode(data: ArrayBuffer, type: string): Float32Array {
  if (type === 'FloatStorage') return new Float32Array(data);
  const bits = new Uint16Array(data);
  return type === 'HalfStorage' ? float16ToFloat32(bits) : bfloat16ToFloat32(bits);
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** Values of a view that is not row by row, as one transposed is. */
function gather(span: Float32Array, shape: readonly number[], strides: readonly number[], count: number): Float32Array {
  const result = new Float32Array(count);
  const index = new Array<number>(shape.length).fill(0);
  let position = 0;
  for (let i = 0; i < count; i++) {
    result[i] = span[position]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      position += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      position -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return result;
}
