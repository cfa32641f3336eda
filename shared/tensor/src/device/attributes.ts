/** Attributes of ops in the addon's format. */
import { binding, elementTypeNumbers, type ElementType, type OpAttribute } from './device-tensor.js';

/** An element type. */
export const typeAttribute = (name: string, type: ElementType): OpAttribute => ({
  name,
  type: binding().TF_ATTR_TYPE,
  value: elementTypeNumbers[type],
});
export const flag = (name: string, value: boolean): OpAttribute => ({ name, type: binding().TF_ATTR_BOOL, value });
export const integer = (name: string, value: number): OpAttribute => ({ name, type: binding().TF_ATTR_INT, value });
export const real = (name: string, value: number): OpAttribute => ({ name, type: binding().TF_ATTR_FLOAT, value });
export const text = (name: string, value: string | readonly string[]): OpAttribute => ({
  name,
  type: binding().TF_ATTR_STRING,
  value,
});
