/**
 * Tensors of TensorFlow itself, beside those of tfjs: tfjs knows no bfloat16 and no fused ops, the binding beneath it does. Nothing frees them
 * but this file, so they are made inside `deviceScope` and counted.
 */
import { failure } from '@hyperswap/errors';
import { tensorflow, type Tensor } from '../tensorflow.js';

/** What a device tensor's elements are. */
export type ElementType = 'float32' | 'bfloat16' | 'int32';

/** The C API's numbers (`TF_DataType`). */
export const elementTypeNumbers: Readonly<Record<ElementType, number>> = {
  float32: 1,
  int32: 3,
  bfloat16: 14,
};

/** A tensor on the device, by the binding's number of it. */
export interface DeviceTensor {
  readonly id: number;
  readonly shape: readonly number[];
  readonly type: ElementType;
}

/** What an op takes beside its tensors. */
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

/** Tensors alive in this thread, tfjs's and these; flat over any number of batches, or something leaks. */
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

/** Values on the device, float32 or int32. */
export function deviceTensor(values: Float32Array | Int32Array, shape: readonly number[]): DeviceTensor {
  const type = values instanceof Float32Array ? 'float32' : 'int32';
  const number = elementTypeNumbers[type];
  return own({ id: binding().createTensor(shape, number, values), dtype: number, shape });
}

/** A tfjs tensor seen as a device tensor; it stays tfjs's and lives as long as that. */
export function borrow(tensor: Tensor): DeviceTensor {
  const type = tensor.dtype === 'int32' ? 'int32' : 'float32';
  return { id: backend().getInputTensorIds([tensor])[0]!, shape: tensor.shape, type };
}

/** Makes a float32 or int32 device tensor tfjs's. */
export function handOver(tensor: DeviceTensor): Tensor {
  disown(tensor);
  const { id, shape, type } = tensor;
  return backend().createOutputTensor({ id, shape, dtype: elementTypeNumbers[type] });
}

/** Values of a float32 or int32 tensor. */
export function readDevice({ id }: DeviceTensor): Float32Array | Int32Array {
  return binding().tensorDataSync(id);
}

/** Frees tensors before their scope ends, so that peak memory stays low, or kept ones when nobody needs them any more. */
export function release(...tensors: readonly DeviceTensor[]): void {
  for (const tensor of tensors) {
    disown(tensor);
    binding().deleteTensor(tensor.id);
  }
}

/** Takes tensors out of their scope: they live until `release`. */
export function keepOnDevice<T extends readonly DeviceTensor[]>(...tensors: T): T {
  for (const tensor of tensors) {
    scopes.findLast((candidate) => candidate.has(tensor))?.delete(tensor);
  }
  return tensors;
}

/**
 * A small constant (shape, axis, number) by its content: made at first use, it lives as long as the thread and is not counted.
 *
 * @param key tells one content from another
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
 * Runs a function and frees every device tensor made in it, but those that it returns (alone, or in an array or plain object): they belong
 * to the scope around, as with `tf.tidy`.
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
