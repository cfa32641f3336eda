import { failure } from '@hyperswap/errors';
import { bitfit } from './bitfit.js';
import { dora } from './dora.js';
import { full } from './full.js';
import { krona, kronaPlus } from './krona.js';
import { linearProbe } from './linear-probe.js';
import { loha } from './loha.js';
import { lokr } from './lokr.js';
import { lora, loraPlus } from './lora.js';
import type { Method, MethodSettings, WeightShape } from './method.js';

const all: readonly Method[] = [
  linearProbe,
  bitfit,
  lora,
  loraPlus,
  lokr,
  krona,
  kronaPlus,
  full,
  loha,
  dora,
] as unknown as readonly Method[];

export const methodNames: readonly string[] = all.map(({ name }) => name);

/** @throws METHOD_UNKNOWN */
export function findMethod(name: string): Method {
  const method = all.find((candidate) => candidate.name === name);
  if (method === undefined) throw failure('METHOD_UNKNOWN', { method: name, available: methodNames.join(', ') });
  return method;
}

/**
 * Returns a method's checked settings for a weight, with defaults for missing values.
 *
 * @throws METHOD_SETTINGS naming the setting and the allowed values, or a shape that does not fit the weight
 */
export function methodSettings(
  method: Method,
  weight: WeightShape,
  given: Readonly<Record<string, unknown>> = {},
): MethodSettings {
  const parsed = method.settingsSchema(weight).safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const reason = `${issue.path.join('.')} ${issue.message}`.trim();
    throw failure('METHOD_SETTINGS', { method: method.name, reason });
  }
  method.factorShapes(weight, parsed.data);
  return parsed.data;
}
