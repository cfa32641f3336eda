import { failure } from '@hyperswap/errors';
import type { openInference } from '@hyperswap/proto';

/**
 * Parameters of a request or of a tensor. Unknown parameters are ignored, because clients send parameters of their own.
 */
export type Parameters = Readonly<Record<string, openInference.InferParameter>>;
type Choice = NonNullable<openInference.InferParameter['parameterChoice']>;

/** Returns the value of a parameter; undefined where it is missing. */
function valueOf(parameters: Parameters, name: string): Choice['value'] | undefined {
  return Object.hasOwn(parameters, name) ? parameters[name]?.parameterChoice?.value : undefined;
}

/** @throws FIELD_INVALID when a parameter is no text */
export function textParameter(parameters: Parameters, name: string): string | undefined {
  const value = valueOf(parameters, name);
  if (value === undefined || typeof value === 'string') return value;
  throw failure('FIELD_INVALID', { field: `parameters.${name}`, reason: 'it must be a text' });
}

/** @throws FIELD_INVALID when a parameter is no boolean */
export function booleanParameter(parameters: Parameters, name: string): boolean | undefined {
  const value = valueOf(parameters, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw failure('FIELD_INVALID', { field: `parameters.${name}`, reason: 'it must be true or false' });
}

/** @throws FIELD_INVALID when a parameter is no whole number between 0 and a bound */
export function countParameter(parameters: Parameters, name: string, most: number): number | undefined {
  const value = valueOf(parameters, name);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw failure('FIELD_INVALID', {
    field: `parameters.${name}`,
    reason: `it must be a whole number from 0 to ${most}`,
  });
}

/** Returns a parameter of a response. */
export function parameter(value: string | number): openInference.InferParameter {
  return {
    parameterChoice:
      typeof value === 'string' ? { $case: 'stringParam', value } : { $case: 'int64Param', value: Math.round(value) },
  };
}
