/** `adapter_config.json` of Hugging Face's PEFT, as far as it decides what an adapter computes. */
import { failure } from '@hyperswap/errors';
import { parseShallowJson, ShallowJsonError } from '@hyperswap/safetensors';
import { z } from 'zod';
import { checkMeaning } from './peft-meaning.js';
import { checkPattern } from './peft-pattern.js';

/** Far above what PEFT writes, some kB. */
const maximumConfigBytes = 256 * 1024;
/** Objects and lists inside each other: configs of variants that are not read nest some more than what is read. */
const configLevels = 8;
const maximumPatterns = 1024;

const rank = z.number().int().positive().max(65_536);
const alpha = z.number().positive().max(1e9);

const pattern = <Value extends z.ZodType<number>>(value: Value) =>
  z
    .record(z.string().max(200), value)
    .refine((patterns) => Object.keys(patterns).length <= maximumPatterns, `must be at most ${maximumPatterns}`)
    .nullish();

const patterns = { rank_pattern: pattern(rank), alpha_pattern: pattern(alpha) };

const loraConfigSchema = z.looseObject({
  ...patterns,
  peft_type: z.literal('LORA'),
  r: rank,
  lora_alpha: alpha,
  use_rslora: z.boolean().nullish(),
});

const lokrConfigSchema = z.looseObject({
  ...patterns,
  peft_type: z.literal('LOKR'),
  r: rank,
  alpha,
});

export type LoraConfig = z.infer<typeof loraConfigSchema>;
export type LokrConfig = z.infer<typeof lokrConfigSchema>;

/**
 * @param file named in errors
 * @throws ADAPTER_INVALID when it is no config of LORA or LOKR; PEFT_UNSUPPORTED with a way to fix it when it asks for
 * what is not read
 */
export function parsePeftConfig(file: string, content: Uint8Array): LoraConfig | LokrConfig {
  const invalid = (reason: string, cause?: unknown): Error => failure('ADAPTER_INVALID', { file, reason }, cause);
  if (content.byteLength > maximumConfigBytes) {
    throw invalid(`it has ${content.byteLength} bytes, more than the ${maximumConfigBytes} allowed`);
  }
  let given: unknown;
  try {
    given = parseShallowJson(content, configLevels);
  } catch (cause) {
    if (cause instanceof ShallowJsonError) throw invalid(`it ${cause.message}`, cause);
    throw cause;
  }
  const parsed = z.discriminatedUnion('peft_type', [loraConfigSchema, lokrConfigSchema]).safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw invalid(`its field ${issue.path.join('.') || '(all)'}: ${issue.message}; LORA and LOKR are read`);
  }
  checkMeaning(file, parsed.data);
  for (const key of Object.keys({ ...parsed.data.rank_pattern, ...parsed.data.alpha_pattern })) checkPattern(file, key);
  return parsed.data;
}
