import { maximumDiffusionReach } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import { z } from 'zod';
import type { PretrainingSettings } from './engine/pretrain.js';
import type { TrainingSettings } from './engine/settings.js';
import { normalizerNames, type NormalizerName } from './normalizer.js';
import { backboneConfigs, poolings, type BackboneConfig } from '@hyperswap/spectralgpt';

const positive = z.coerce.number().positive();
const share = z.coerce.number().min(0).max(1);
const count = z.coerce.number().int().positive();

const flag = (initial: 'true' | 'false') =>
  z
    .enum(['true', 'false'])
    .default(initial)
    .transform((value) => value === 'true');

/** Learning rates that differ from the default; docs/experiments.md has the search. */
const learningRates: Readonly<Record<string, number>> = { full: 3e-4 };

/** Default shift of patches in training, in pixels. */
export const usualShift = 1;

const pseudoLabels = z.coerce.number().int().min(0).max(10_000).default(0);

/** Parses the number of pseudo-labels per class. @throws FIELD_INVALID */
export function parsePseudoLabels(given: string): number {
  return parse(z.object({ pseudoLabels }), { pseudoLabels: given }).pseudoLabels;
}

/** Defaults found by experiments on Indian Pines: docs/experiments.md. */
const trainingSchema = (method: string, { width }: BackboneConfig) =>
  z.object({
    // Undefined: a discriminant analysis for diffused features, else gradient descent.
    head: z.enum(['descent', 'discriminant']).optional(),
    // Fifty epochs in all, as in the paper, for every method.
    epochs: count.max(10_000).default(method === 'linear-probe' ? 50 : 20),
    probeEpochs: z.coerce.number().int().nonnegative().default(20),
    headEpochs: z.coerce.number().int().nonnegative().default(10),
    batchSize: count.max(4096).default(64),
    patchesAtOnce: z.coerce.number().int().nonnegative().default(0),
    learningRate: positive.default(learningRates[method] ?? 4e-3),
    headLearningRate: positive.default(1e-2),
    schedule: z.enum(['cosine', 'constant']).default('cosine'),
    weightDecay: z.coerce.number().nonnegative().default(0.05),
    warmUpEpochs: z.coerce.number().nonnegative().default(2),
    gradientClip: z.coerce.number().nonnegative().default(1),
    hiddenTokens: z.coerce.number().min(0).max(0.95).default(0.5),
    labelSmoothing: share.default(0.1),
    // One mean is too little for narrow backbones; the paper's counts are those of one mean.
    pooling: z.enum(poolings).default(width < 768 ? 'groups-and-middle' : 'mean'),
    classWeights: z.enum(['none', 'balanced']).default('none'),
    orientations: flag('true'),
    shift: z.coerce.number().int().min(0).max(15).default(usualShift),
    gain: z.coerce.number().nonnegative().default(0.05),
    noise: z.coerce.number().nonnegative().default(0.1),
    mixture: share.default(0.2),
    views: z.enum(['1', '8']).default('1'),
    normalizer: z.enum(normalizerNames).default('scene'),
    validation: z.coerce.number().min(0).max(0.9).default(0),
    calibrate: flag('false'),
    pseudoLabels,
    diffuse: z.literal('auto').or(z.coerce.number().min(0).max(maximumDiffusionReach)).default(0),
    patience: z.coerce.number().int().nonnegative().default(0),
    checkpointEvery: z.coerce.number().int().nonnegative().default(1),
  });

/** Settings of a training besides those of the engine. */
export interface ParsedSettings {
  readonly training: TrainingSettings;
  /** Remaining settings, which belong to the method. */
  readonly method: Readonly<Record<string, string>>;
  readonly normalizer: NormalizerName;
  /** Number of orientations in which each patch is classified. */
  readonly views: 1 | 8;
  /** Share of the training pixels for validation. */
  readonly validation: number;
  /** Divides the logits by a temperature that validation pixels give. */
  readonly calibrate: boolean;
  /** Pseudo-labels per class; 0 for none. */
  readonly pseudoLabels: number;
  /** Reach of diffusion in pixels; 0 for none, `auto` for one that training pixels choose. */
  readonly diffuse: number | 'auto';
}

/**
 * Splits `--set` settings into common ones and those of the method, and fills in defaults.
 *
 * @throws FIELD_INVALID naming the setting and the allowed values
 */
export function parseTrainingSettings(
  given: Readonly<Record<string, string>>,
  method: string,
  config: BackboneConfig,
  seed: number,
): ParsedSettings {
  const schema = trainingSchema(method, config);
  // Not `in`: a setting may have the name of a member of every object, such as "constructor".
  const isCommon = ([key]: [string, string]): boolean => Object.hasOwn(schema.shape, key);
  const own = Object.fromEntries(Object.entries(given).filter(isCommon));
  const others = Object.fromEntries(Object.entries(given).filter((entry) => !isCommon(entry)));
  const { orientations, shift, gain, noise, mixture, normalizer, ...rest } = parse(schema, own);
  const { validation, views: asked, pseudoLabels, calibrate, diffuse, head, ...settings } = rest;
  const views = asked === '8' ? 8 : 1;
  if (settings.patience > 0 && validation === 0) {
    const reason = 'stopping early needs validation pixels: set validation too, as validation=0.2';
    throw failure('FIELD_INVALID', { field: 'setting patience', reason });
  }
  if (diffuse !== 0) checkDiffusion(method, { validation, views });
  if (head === 'discriminant' && method !== 'linear-probe') {
    const reason = `it is for linear-probe; the head of ${method} learns together with other parameters`;
    throw failure('FIELD_INVALID', { field: 'setting head', reason });
  }
  const fit = head ?? (diffuse === 0 ? 'descent' : 'discriminant');
  const training = { ...settings, head: fit, augmentation: { orientations, shift, gain, noise, mixture }, seed };
  return { training, method: others, normalizer, validation, calibrate, pseudoLabels, diffuse, views };
}

/** @throws FIELD_INVALID if a method or setting needs features of single pixels */
function checkDiffusion(method: string, { validation, views }: Pick<ParsedSettings, 'validation' | 'views'>): void {
  const refuse = (reason: string): Error => failure('FIELD_INVALID', { field: 'setting diffuse', reason });
  if (method !== 'linear-probe') {
    throw refuse(
      `it is for linear-probe: ${method} changes the backbone, whose features cannot be diffused once for all`,
    );
  }
  if (validation > 0) throw refuse('it does not go with validation, which watches features of single pixels');
  if (views > 1) throw refuse('it does not go with views=8');
}

/**
 * Defaults of pretraining: the release's decoder and masking; for narrow backbones, values that gave better features:
 * docs/backbone.md.
 */
function pretrainingSchema({ width, tokenSize, imageSize }: BackboneConfig) {
  const isNarrow = width < 768;
  return z
    .object({
      // Side of a token; the paper has an ablation of its size.
      tokenSize: count
        .default(tokenSize)
        .refine((size) => imageSize % size === 0, `must divide ${imageSize}, the side of the input`),
      // The weights stay as they start if there is no step.
      steps: z.coerce.number().int().nonnegative().max(10_000_000).default(1200),
      // `random` takes only the structure of the backbone to start from.
      weights: z.enum(['given', 'random']).default('given'),
      batchSize: count.max(4096).default(128),
      hiddenShare: z.coerce
        .number()
        .min(0.1)
        .max(0.98)
        .default(isNarrow ? 0.75 : 0.9),
      learningRate: positive.default(1e-3),
      warmUpSteps: z.coerce.number().int().nonnegative().default(100),
      decoderWidth: count.max(8192).default(isNarrow ? 128 : 512),
      decoderDepth: count.max(64).default(isNarrow ? 1 : 4),
      decoderHeads: count.max(64).default(isNarrow ? 4 : 16),
      checkpointEvery: z.coerce.number().int().nonnegative().default(200),
    })
    .strict();
}

/** Returns a size by its name. @throws FIELD_INVALID */
export function sizeConfig(size: string): BackboneConfig {
  const config = Object.entries(backboneConfigs).find(([name]) => name === size)?.[1];
  if (config !== undefined) return config;
  const reason = `${JSON.stringify(size)} is unknown; there are ${Object.keys(backboneConfigs).join(', ')}`;
  throw failure('FIELD_INVALID', { field: 'size', reason });
}

/** Checks settings of a pretraining. @throws FIELD_INVALID naming the setting and the allowed values */
export function parsePretrainingSettings(
  config: BackboneConfig,
  given: Readonly<Record<string, string>>,
  seed: number,
): PretrainingSettings {
  const parsed = parse(pretrainingSchema(config), given);
  const { decoderWidth, decoderDepth, decoderHeads, tokenSize, weights, ...settings } = parsed;
  if (decoderWidth % decoderHeads !== 0) {
    const reason = `${decoderWidth} is no multiple of decoderHeads, ${decoderHeads}`;
    throw failure('FIELD_INVALID', { field: 'setting decoderWidth', reason });
  }
  return {
    ...settings,
    config: { ...config, tokenSize },
    decoder: { width: decoderWidth, depth: decoderDepth, heads: decoderHeads },
    patchSizes: [9, 11, 15, 19, 21, 27, 33],
    ...(weights === 'random' && { hasRandomStart: true }),
    seed,
  };
}

function parse<Output>(schema: z.ZodType<Output>, given: Readonly<Record<string, string>>): Output {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw failure('FIELD_INVALID', { field: `setting ${issue.path.join('.')}`.trim(), reason: issue.message });
}
