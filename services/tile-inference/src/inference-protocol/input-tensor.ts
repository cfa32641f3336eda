import { failure } from '@hyperswap/errors';
import type { openInference } from '@hyperswap/proto';
import type { PixelType } from '../engine/open-tiles.js';
import type { Parameters } from './parameters.js';

type Request = Pick<openInference.ModelInferRequest, 'inputs' | 'rawInputContents'>;
type Contents = openInference.InferTensorContents;

/** Tensor of a request whose number of values is what its shape says. */
export interface InputTensor {
  readonly name: string;
  readonly pixelType: PixelType;
  readonly shape: readonly number[];
  /** Values, little-endian, row by row, in memory of their own. */
  readonly values: ArrayBuffer;
  readonly parameters: Parameters;
}

interface Datatype {
  readonly type: PixelType;
  readonly array: new (values: readonly number[]) => Uint8Array | Uint16Array | Int16Array | Float32Array;
  readonly bytes: number;
  /** Typed values, as a client without raw contents sends them. */
  readonly typed: (contents: Contents) => readonly number[];
}

/** Types of pixels by their names in the protocol. */
const datatypes = new Map<string, Datatype>([
  ['UINT8', { type: 'uint8', array: Uint8Array, bytes: 1, typed: ({ uintContents }) => uintContents }],
  ['UINT16', { type: 'uint16', array: Uint16Array, bytes: 2, typed: ({ uintContents }) => uintContents }],
  ['INT16', { type: 'int16', array: Int16Array, bytes: 2, typed: ({ intContents }) => intContents }],
  ['FP32', { type: 'float32', array: Float32Array, bytes: 4, typed: ({ fp32Contents }) => fp32Contents }],
]);

/** Returns a refusal of a tensor. */
export function tensorError(tensor: string, reason: string): Error {
  return failure('TENSOR_INVALID', { tensor, reason });
}

/**
 * Reads the one input of a request, from raw contents or typed ones.
 *
 * @throws TENSOR_INVALID, FIELD_INVALID
 */
export function readInput({ inputs, rawInputContents: raw }: Request): InputTensor {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1) {
    const reason = `a request has one of them, patches or tile, not ${inputs.length}`;
    throw failure('FIELD_INVALID', { field: 'inputs', reason });
  }
  if (raw.length > 1) {
    throw failure('FIELD_INVALID', { field: 'raw_input_contents', reason: `1 input has ${raw.length} raw contents` });
  }
  const { name, datatype, shape, parameters } = input;
  const known = datatypes.get(datatype);
  if (known === undefined) {
    throw tensorError(name, `its datatype is ${datatype}; pixels are ${[...datatypes.keys()].join(', ')}`);
  }
  if (!shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw tensorError(name, `its shape [${shape.join(', ')}] has sizes below 1`);
  }
  const count = shape.reduce((product, size) => product * size, 1);
  const values =
    raw[0] === undefined ? typedValues(name, known, input.contents) : rawValues(name, known, raw[0], input);
  const found = values.byteLength / known.bytes;
  if (found !== count) {
    throw tensorError(name, `it has ${found} values; its shape [${shape.join(', ')}] needs ${count}`);
  }
  return { name, pixelType: known.type, shape, values, parameters };
}

function rawValues(
  name: string,
  { bytes }: Datatype,
  raw: Buffer,
  { contents, datatype }: Pick<openInference.ModelInferRequest_InferInputTensor, 'contents' | 'datatype'>,
): ArrayBuffer {
  if (contents !== undefined && Object.values(contents).some((values: readonly unknown[]) => values.length > 0)) {
    throw tensorError(name, 'it has raw contents and typed ones; send one of them');
  }
  if (raw.byteLength % bytes !== 0) {
    throw tensorError(name, `it has ${raw.byteLength} bytes, no whole number of ${datatype} values`);
  }
  // Copied out of the message, so that the buffer is aligned and can move to the engine.
  return new Uint8Array(raw).buffer;
}

function typedValues(name: string, { typed, array, type }: Datatype, contents: Contents | undefined): ArrayBuffer {
  const given = contents === undefined ? [] : typed(contents);
  const values = new array(given);
  if (type !== 'float32') {
    const place = given.findIndex((value, index) => value !== values[index]);
    if (place >= 0) throw tensorError(name, `value ${place} is ${given[place]}, which is no ${type}`);
  }
  return values.buffer as ArrayBuffer;
}
