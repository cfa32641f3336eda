import type { openInference } from '@hyperswap/proto';
import { tensorError } from './input-tensor.js';
import type { TileLabels } from '../tile-work.js';

/** Outputs of a model, in the order in which they are answered where a request names none. */
export const outputNames = ['labels', 'confidence', 'probabilities'] as const;
export type OutputName = (typeof outputNames)[number];

/** Shares are answered as bytes by the engine, 255ths. */
const shareSteps = 255;

/**
 * Returns the outputs that a request wants, in its order; labels and confidence where it names none.
 *
 * @throws TENSOR_INVALID
 */
export function wantedOutputs(
  outputs: readonly Pick<openInference.ModelInferRequest_InferRequestedOutputTensor, 'name'>[],
): readonly OutputName[] {
  if (outputs.length === 0) return ['labels', 'confidence'];
  return [...new Set(outputs.map(({ name }) => name))].map((name) => {
    const known = outputNames.find((output) => output === name);
    if (known === undefined) throw tensorError(name, `there is no such output; ask for ${outputNames.join(', ')}`);
    return known;
  });
}

/** Tensors and values of a response. */
export type Outputs = Pick<openInference.ModelInferResponse, 'outputs' | 'rawOutputContents'>;

/**
 * Returns what a request wanted of its labels: `labels` as UINT8, from 1; `confidence` and `probabilities` as FP32,
 * from 0 to 1 in steps of 1/255. Probabilities have the classes as one dimension more than the result's shape. With
 * `typed` values go into typed contents, otherwise into raw ones.
 */
export function writeOutputs(
  wanted: readonly OutputName[],
  { labels, confidence, probabilities }: TileLabels,
  resultShape: readonly number[],
  typed: boolean,
): Outputs {
  const classes = probabilities.length / labels.length;
  const tensors = wanted.map((name) => {
    const shape = name === 'probabilities' ? [...resultShape, classes] : [...resultShape];
    if (name === 'labels') return { name, datatype: 'UINT8', shape, values: labels };
    const shares = name === 'confidence' ? confidence : probabilities;
    return { name, datatype: 'FP32', shape, values: Float32Array.from(shares, (share) => share / shareSteps) };
  });
  return {
    outputs: tensors.map(({ name, datatype, shape, values }) => ({
      name,
      datatype,
      shape,
      parameters: {},
      contents: typed ? typedContents(values) : undefined,
    })),
    rawOutputContents: typed
      ? []
      : tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
  };
}

function typedContents(values: Uint8Array | Float32Array): openInference.InferTensorContents {
  const isReal = values instanceof Float32Array;
  return {
    boolContents: [],
    intContents: [],
    int64Contents: [],
    uintContents: isReal ? [] : [...values],
    uint64Contents: [],
    fp32Contents: isReal ? [...values] : [],
    fp64Contents: [],
    bytesContents: [],
  };
}
