import { z } from 'zod';
import { commonNames, environmentName } from './environment.js';
import { settings } from './schema.js';

/** One setting, in words. */
export interface SettingDescription {
  readonly key: string;
  /** Environment variable that sets it. */
  readonly environment: string;
  /** Values that it takes. */
  readonly allowed: string;
  /** Value without any source; empty for an empty text. */
  readonly standard: string;
  readonly meaning: string;
}

/** Returns the JSON schema of each setting, by its key. */
export function settingsSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(settings, { unrepresentable: 'any' }).properties ?? {};
}

/** Returns all settings in the order of the schema. */
export function describeSettings(): SettingDescription[] {
  const { properties = {} } = z.toJSONSchema(settings, { io: 'input', unrepresentable: 'any' });
  const defaults: Readonly<Record<string, string | number | boolean>> = settings.parse({});
  return Object.entries(properties).map(([key, property]) => {
    const found = { ...(property as JsonSetting), default: defaults[key] };
    return {
      key,
      environment: commonNames[key] ?? environmentName(key),
      allowed: allowedValues(found),
      standard: String(found.default ?? ''),
      meaning: found.description ?? '',
    };
  });
}

interface JsonSetting {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly default?: string | number | boolean;
  readonly description?: string;
}

function allowedValues({
  type,
  enum: values,
  minimum,
  exclusiveMinimum,
  maximum,
  default: standard,
}: JsonSetting): string {
  if (values !== undefined) return values.join(', ');
  if (typeof standard === 'boolean') return 'true, false';
  if (typeof standard !== 'number') return 'text';
  const least = minimum ?? exclusiveMinimum;
  const kind = type === 'integer' ? 'whole number' : 'number';
  const from =
    least === undefined || least < -1e15 ? '' : exclusiveMinimum === undefined ? ` from ${least}` : ` above ${least}`;
  return `${kind}${from}${maximum === undefined || maximum > 1e15 ? '' : ` to ${maximum}`}`;
}
