/**
 * TensorFlow's own tensors, used beside those of tfjs. tfjs supports neither bfloat16 nor fused ops; the binding
 * beneath it supports both. Only this file frees these tensors, so they are created inside `deviceScope` and counted.
 */
import { failure } from '@hyperswap/errors';
import { tensorflow, type Tensor } from '../tensorflow.js';

/** Element type of a device tensor. */
export type ElementType = 'float32' | 'bfloat16' | 'int32';

/** The C API's numbers (`TF_DataType`). */
export const elementTypeNumbers: Readonly<Record<ElementType, number>> = {
  float32: 1,
  int32: 3,
  bfloat16: 14,
};

/** Tensor on the device, identified by the binding's number. */
export interface DeviceTensor {
  readonly id: number;
  readonly shape: readonly number[];
  readonly type: ElementType;
}

/** Attributes that an op takes in addition to its tensors. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

interface OutputMetadata {
  readonly id: number;
  readonly dtype: number;
  readonly shape: readonly number[];
}

/** The part of tfjs-node's addon that is used here. */
export interface Binding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_Version: string;
  createTensor(shape: readonly number[], type: number, values: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): OutputMetadata[];
}

interface NodeBackend {
  readonly binding: Binding;
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  createOutputTensor(metadata: OutputMetadata): Tensor;
}

const scopes: Set<DeviceTensor>[] = [];
const constants = new Map<string, DeviceTensor>();
let alive = 0;

function backend(): NodeBackend {
  return tensorflow().backend() as unknown as NodeBackend;
}

/** tfjs-node's addon. @throws INTERNAL outside the executor's thread */
export function binding(): Binding {
  return backend().binding;
}

/** Number of live tensors in this thread, tfjs's and these. A count that grows from batch to batch shows a leak. */
export function liveTensors(): number {
  return tensorflow().memory().numTensors + alive;
}

/**
 * Runs an op.
 *
 * @returns its outputs, which belong to the scope that is open
 * @throws INTERNAL when no scope is open
 */
export function execute(
  name: string,
  attributes: readonly OpAttribute[],
  inputs: readonly DeviceTensor[],
  outputs = 1,
): DeviceTensor[] {
  const ids = inputs.map(({ id }) => id);
  return binding().executeOp(name, attributes, ids, outputs).map(own);
}

/** Creates a device tensor of float32 or int32 values. */
export function deviceTensor(values: Float32Array | Int32Array, shape: readonly number[]): DeviceTensor {
  const type = values instanceof Float32Array ? 'float32' : 'int32';
  const number = elementTypeNumbers[type];
  return own({ id: binding().createTensor(shape, number, values), dtype: number, shape });
}

/** Views a tfjs tensor as a device tensor. tfjs still owns the tensor and decides when it is freed. */
export function borrow(tensor: Tensor): DeviceTensor {
  const type = tensor.dtype === 'int32' ? 'int32' : 'float32';
  return { id: backend().getInputTensorIds([tensor])[0]!, shape: tensor.shape, type };
}

/** Hands a float32 or int32 device tensor over to tfjs. */
export function handOver(tensor: DeviceTensor): Tensor {
  disown(tensor);
  const { id, shape, type } = tensor;
  return backend().createOutputTensor({ id, shape, dtype: elementTypeNumbers[type] });
}

/** Values of a float32 or int32 tensor. */
export function readDevice({ id }: DeviceTensor): Float32Array | Int32Array {
  return binding().tensorDataSync(id);
}

/** Frees tensors before their scope ends, to keep peak memory low, or kept tensors that are no longer needed. */
export function release(...tensors: readonly DeviceTensor[]): void {
  for (const tensor of tensors) {
    disown(tensor);
    binding().deleteTensor(tensor.id);
  }
}

/** Removes tensors from their scope; they live until `release`. */
export function keepOnDevice<T extends readonly DeviceTensor[]>(...tensors: T): T {
  for (const tensor of tensors) {
    scopes.findLast((candidate) => candidate.has(tensor))?.delete(tensor);
  }
  return tensors;
}

/**
 * Returns a small constant (shape, axis, number). It is created at first use, lives as long as the thread and is not
 * counted.
 *
 * @param key identifies the content
 */
export function constant(key: string, make: () => DeviceTensor): DeviceTensor {
  const known = constants.get(key);
  if (known !== undefined) return known;
  const [made] = keepOnDevice(make());
  constants.set(key, made);
  alive -= 1;
  return made;
}

/**
 * Runs a function and frees every device tensor made in it, except those that it returns (alone, or in an array or
 * plain object). Returned tensors belong to the enclosing scope, as with `tf.tidy`.
 */
export function deviceScope<Result>(run: () => Result): Result {
  const scope = new Set<DeviceTensor>();
  scopes.push(scope);
  const returned: DeviceTensor[] = [];
  try {
    const result = run();
    collect(result, scope, returned);
    return result;
  } finally {
    scopes.pop();
    for (const tensor of returned) scope.delete(tensor);
    for (const { id } of scope) {
      binding().deleteTensor(id);
      alive -= 1;
    }
    const outer = scopes.at(-1);
    for (const tensor of returned) outer?.add(tensor);
  }
}

function collect(value: unknown, scope: ReadonlySet<DeviceTensor>, found: DeviceTensor[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (scope.has(value as DeviceTensor)) found.push(value as DeviceTensor);
  else if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    for (const part of Object.values(value)) collect(part, scope, found);
  }
}

function own({ id, dtype, shape }: OutputMetadata): DeviceTensor {
  const type = (Object.keys(elementTypeNumbers) as ElementType[]).find((name) => elementTypeNumbers[name] === dtype);
  const scope = scopes.at(-1);
  if (type === undefined || scope === undefined) {
    binding().deleteTensor(id);
    throw failure('INTERNAL', {
      reason: scope === undefined ? 'a device tensor was made outside a scope' : `element type ${dtype} is not known`,
    });
  }
  const tensor = { id, shape, type };
  scope.add(tensor);
  alive += 1;
  return tensor;
}

function disown(tensor: DeviceTensor): void {
  scopes.findLast((candidate) => candidate.has(tensor))?.delete(tensor);
  alive -= 1;
}
