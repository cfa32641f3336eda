import { failure } from '@hyperswap/errors';
import { z } from 'zod';
import type { PretrainingSettings } from './engine/pretrain.js';
import type { TrainingSettings } from './engine/train.js';
import { backboneConfigs, type BackboneConfig } from '@hyperswap/spectralgpt';

const positive = z.coerce.number().positive();
const share = z.coerce.number().min(0).max(1);
const count = z.coerce.number().int().positive();

/** Defaults found by trial with krona+ on Indian Pines: docs/experiments.md. */
const trainingSchema = z.object({
  epochs: count.max(10_000).default(50),
  probeEpochs: z.coerce.number().int().nonnegative().default(20),
  batchSize: count.max(4096).default(64),
  learningRate: positive.default(4e-3),
  headLearningRate: positive.default(1e-2),
  weightDecay: z.coerce.number().nonnegative().default(0.05),
  warmUpEpochs: z.coerce.number().nonnegative().default(2),
  hiddenTokens: z.coerce.number().min(0).max(0.95).default(0.5),
  labelSmoothing: share.default(0),
  orientations: z
    .enum(['true', 'false'])
    .default('true')
    .transform((value) => value === 'true'),
  gain: z.coerce.number().nonnegative().default(0.05),
  noise: z.coerce.number().nonnegative().default(0.1),
  mixture: share.default(0.2),
});

/**
 * Splits `--set` settings into those of every training and those of the method, and fills in defaults.
 *
 * @throws FIELD_INVALID naming the setting and what is allowed
 */
export function parseTrainingSettings(
  given: Readonly<Record<string, string>>,
  seed: number,
): { readonly training: TrainingSettings; readonly method: Readonly<Record<string, string>> } {
  const own = Object.fromEntries(Object.entries(given).filter(([key]) => key in trainingSchema.shape));
  const rest = Object.fromEntries(Object.entries(given).filter(([key]) => !(key in trainingSchema.shape)));
  const { orientations, gain, noise, mixture, ...settings } = parse(trainingSchema, own);
  return { training: { ...settings, augmentation: { orientations, gain, noise, mixture }, seed }, method: rest };
}

/** The release's decoder and masking; for narrow backbones, what was found to give better features: docs/backbone.md. */
function pretrainingSchema({ width }: BackboneConfig) {
  const isNarrow = width < 768;
  return z
    .object({
      steps: count.default(1200),
      batchSize: count.max(4096).default(128),
      hiddenShare: z.coerce
        .number()
        .min(0.1)
        .max(0.98)
        .default(isNarrow ? 0.75 : 0.9),
      learningRate: positive.default(1e-3),
      warmUpSteps: z.coerce.number().int().nonnegative().default(100),
      decoderWidth: count.default(isNarrow ? 128 : 512),
      decoderDepth: count.default(isNarrow ? 1 : 4),
      decoderHeads: count.default(isNarrow ? 4 : 16),
      checkpointEvery: z.coerce.number().int().nonnegative().default(200),
    })
    .strict();
}

/** A size by its name. @throws FIELD_INVALID */
export function sizeConfig(size: string): BackboneConfig {
  const config = Object.entries(backboneConfigs).find(([name]) => name === size)?.[1];
  if (config !== undefined) return config;
  const reason = `${JSON.stringify(size)} is unknown; there are ${Object.keys(backboneConfigs).join(', ')}`;
  throw failure('FIELD_INVALID', { field: 'size', reason });
}

/** @throws FIELD_INVALID naming the setting and what is allowed */
export function parsePretrainingSettings(
  config: BackboneConfig,
  given: Readonly<Record<string, string>>,
  seed: number,
): PretrainingSettings {
  const { decoderWidth, decoderDepth, decoderHeads, ...settings } = parse(pretrainingSchema(config), given);
  if (decoderWidth % decoderHeads !== 0) {
    const reason = `${decoderWidth} is no multiple of decoderHeads, ${decoderHeads}`;
    throw failure('FIELD_INVALID', { field: 'setting decoderWidth', reason });
  }
  return {
    ...settings,
    config,
    decoder: { width: decoderWidth, depth: decoderDepth, heads: decoderHeads },
    patchSizes: [9, 11, 15, 19, 21, 27, 33],
    seed,
  };
}

function parse<Output>(schema: z.ZodType<Output>, given: Readonly<Record<string, string>>): Output {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw failure('FIELD_INVALID', { field: `setting ${issue.path.join('.')}`.trim(), reason: issue.message });
}
