/**
 * A thread that reads one HDF5 file by h5wasm, which is libhdf5 as WebAssembly: its calls block, and a damaged file may
 * make them fail or never return. It says `ready` once the library is loaded.
 */
import { parentPort } from 'node:worker_threads';
import { failure, serializeError } from '@hyperswap/errors';
import h5wasm, { type Attribute, type Dataset, type File, type Group } from 'h5wasm/node';
import type { NumericArray, StorageType } from '../../array.js';
import type { Hdf5Answer, Hdf5Attributes, Hdf5Dataset, Hdf5Order } from './messages.js';

const maximumDatasets = 10_000;
const maximumDepth = 32;
/** Values of an attribute that are read. */
const maximumAttributeValues = 100_000;
const integerClass = 0;
const floatClass = 1;

let open: File | undefined;
let name = '';

function answer(order: Hdf5Order): Hdf5Answer {
  switch (order.kind) {
    case 'open':
      name = order.file;
      open = new h5wasm.File(order.path, 'r');
      return listDatasets(open);
    case 'attributes':
      return readAttributes(order.path === '' ? open! : (open!.get(order.path) as Group | Dataset), order.names);
    case 'read':
      return readBox(open!.get(order.path) as Dataset, order.start, order.count);
  }
}

function listDatasets(root: File): Hdf5Dataset[] {
  const found: Hdf5Dataset[] = [];
  const visit = (group: Group, prefix: string, depth: number): void => {
    if (depth > maximumDepth) throw invalid(`its groups are nested deeper than ${maximumDepth}`);
    for (const key of group.keys()) {
      // MATLAB keeps what cells point to in such groups.
      if (depth === 0 && key.startsWith('#')) continue;
      const entity = group.get(key);
      const path = prefix === '' ? key : `${prefix}/${key}`;
      if (entity instanceof h5wasm.Group) visit(entity, path, depth + 1);
      if (!(entity instanceof h5wasm.Dataset)) continue;
      if (found.length === maximumDatasets) throw invalid(`it holds more than ${maximumDatasets} datasets`);
      const { metadata } = entity;
      found.push({
        path,
        shape: (metadata.shape ?? []).map(Number),
        type: typeOf(metadata.type, metadata.size, metadata.signed),
      });
    }
  };
  visit(root, '', 0);
  return found;
}

function typeOf(kind: number, size: number, signed: boolean): StorageType | undefined {
  if (kind === floatClass) return size === 4 || size === 8 ? `f${size}` : undefined;
  if (kind !== integerClass || (size !== 1 && size !== 2 && size !== 4 && size !== 8)) return undefined;
  return `${signed ? 'i' : 'u'}${size}`;
}

function readAttributes(entity: Group | Dataset, names: readonly string[]): Hdf5Attributes {
  const { attrs } = entity;
  return Object.fromEntries(
    names.flatMap((key): [string, number | string | number[]][] => {
      const attribute: Attribute | undefined = Object.hasOwn(attrs, key) ? attrs[key] : undefined;
      if (attribute === undefined || attribute.metadata.total_size > maximumAttributeValues) return [];
      const { value } = attribute;
      if (typeof value === 'string' || typeof value === 'number') return [[key, value]];
      if (typeof value === 'bigint') return [[key, Number(value)]];
      if (!ArrayBuffer.isView(value)) return [];
      const numbers = Array.from(value as ArrayLike<number | bigint>, Number);
      return [[key, numbers.length === 1 ? numbers[0]! : numbers]];
    }),
  );
}

function readBox(dataset: Dataset, start: readonly number[], count: readonly number[]): NumericArray {
  const values = dataset.slice(start.map((first, axis) => [first, first + count[axis]!]));
  if (
    !ArrayBuffer.isView(values) ||
    (values as NumericArray).length !== count.reduce((product, size) => product * size, 1)
  ) {
    throw invalid('a dataset does not hold what it claims');
  }
  if (!(values instanceof BigInt64Array || values instanceof BigUint64Array)) return values as NumericArray;
  return Float64Array.from(values, (value) => {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw invalid(`it holds the 64-bit integer ${value}, which is beyond 2^53`);
    return number;
  });
}

/** Last reason of the library's report, which has one for each of its layers. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /minor: ([^\n]+)(?![\s\S]*minor: )/.exec(text)?.[1] ?? text;
}

function invalid(reason: string, cause?: unknown): Error {
  return failure('FILE_FORMAT', { file: name, expected: 'HDF5', reason }, cause);
}

// Errors are thrown, not printed.
(await h5wasm.ready).activate_throwing_error_handler();
const port = parentPort!;
port.on('message', (order: Hdf5Order) => {
  try {
    const found = answer(order);
    port.postMessage({ answer: found }, ArrayBuffer.isView(found) ? [found.buffer as ArrayBuffer] : []);
  } catch (error) {
    const isOwn = error instanceof Error && error.name === 'HyperswapError';
    const caught = isOwn ? error : invalid(`the HDF5 library says: ${reasonOf(error)}`, error);
    port.postMessage({ error: serializeError(caught) });
  }
});
port.postMessage('ready');
