/** `adapter_config.json` of Hugging Face's PEFT, as far as it decides what an adapter computes. */
import { failure } from '@hyperswap/errors';
import { z } from 'zod';

const pattern = z.record(z.string().max(200), z.number().positive());

const common = {
  rank_pattern: pattern.nullish(),
  alpha_pattern: pattern.nullish(),
  modules_to_save: z.array(z.string()).nullish(),
};

const loraConfigSchema = z.object({
  ...common,
  peft_type: z.literal('LORA'),
  r: z.number().int().positive(),
  lora_alpha: z.number().positive(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.literal(false, 'DoRA is not read').nullish(),
  bias: z.literal('none', 'only "none" is read').nullish(),
  lora_bias: z.literal(false, 'biases of LoRA’s layers are not read').nullish(),
});

const lokrConfigSchema = z.object({
  ...common,
  peft_type: z.literal('LOKR'),
  r: z.number().int().positive(),
  alpha: z.number().positive(),
});

export type LoraConfig = z.infer<typeof loraConfigSchema>;
export type LokrConfig = z.infer<typeof lokrConfigSchema>;

/**
 * @param file named in errors
 * @throws ADAPTER_INVALID when it is no config of LORA or LOKR, or asks for what is not read
 */
export function parsePeftConfig(file: string, text: string): LoraConfig | LokrConfig {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw failure('ADAPTER_INVALID', { file, reason: 'it is not JSON' }, cause);
  }
  const parsed = z.discriminatedUnion('peft_type', [loraConfigSchema, lokrConfigSchema]).safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const reason = `its field ${issue.path.join('.') || '(all)'}: ${issue.message}; LORA and LOKR are read`;
  throw failure('ADAPTER_INVALID', { file, reason });
}

/** What a pattern says of a module: its keys are regular expressions for the end of the module's name, as PEFT matches them. */
export function byPattern(
  patterns: Readonly<Record<string, number>> | null | undefined,
  module: string,
): number | undefined {
  const found = Object.entries(patterns ?? {}).find(([key]) => new RegExp(`^(?:.*\\.)?(?:${key})$`).test(module));
  return found?.[1];
}
