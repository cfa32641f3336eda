/** Meaning of PEFT's config fields for an adapter here: none, the same as there, or one that is not read. */
import { failure } from '@hyperswap/errors';

interface Requirement {
  /** Checks for values with which an adapter computes the same here as in PEFT. */
  readonly isRead: (value: unknown) => boolean;
  readonly reason: string;
  readonly mend: string;
}

const isOff = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);
const isOneOf =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    isOff(value) || values.includes(value);

/**
 * Fields that do not change what a trained adapter computes: names, choices of modules, dropout, settings of the
 * training.
 */
const withoutMeaning: ReadonlySet<string> = new Set([
  'peft_type',
  'peft_version',
  'auto_mapping',
  'base_model_name_or_path',
  'revision',
  'task_type',
  'inference_mode',
  'runtime_config',
  'megatron_core',
  'target_modules',
  'exclude_modules',
  'layers_to_transform',
  'layers_pattern',
  'lora_dropout',
  'rank_dropout',
  'module_dropout',
  'rank_dropout_scale',
  'ensure_weight_tying',
  // Fields of initialisations that have requirements of their own.
  'loftq_config',
  'eva_config',
  'corda_config',
  'lora_ga_config',
  'init_weights',
  'qalora_group_size',
  // Fields about the choice of shapes; the tensors themselves show their shapes.
  'decompose_both',
  'decompose_factor',
  'use_effective_conv2d',
]);

/** Fields that the reader of tensors takes into account. */
const read: ReadonlySet<string> = new Set(['r', 'lora_alpha', 'alpha', 'use_rslora', 'rank_pattern', 'alpha_pattern']);

/**
 * Initialisations after which the base weights are what they were; with the others the adapter belongs to changed
 * weights.
 */
const harmlessInitialisations = [true, 'gaussian', 'orthogonal', 'eva', 'mica'];

const requirements: Readonly<Record<string, Requirement>> = {
  init_lora_weights: {
    isRead: isOneOf(...harmlessInitialisations),
    reason: 'its init_lora_weights changed the base weights, so that the adapter fits only them',
    mend: 'Convert it to plain LoRA with save_pretrained(…, path_initial_model_for_weight_conversion=…) (PiSSA, OLoRA, CorDA, LoRA-GA), or train with init_lora_weights=True',
  },
  use_dora: {
    isRead: isOff,
    reason: 'PEFT’s DoRA stores lengths of rows of the base weights',
    mend: 'Train with use_dora=False, or train DoRA here',
  },
  bias: {
    isRead: isOneOf('none'),
    reason: 'it trained biases beside the factors',
    mend: 'Train with bias="none"',
  },
  lora_bias: {
    isRead: isOff,
    reason: 'its factors have biases',
    mend: 'Train with lora_bias=False',
  },
  fan_in_fan_out: {
    isRead: isOff,
    reason: 'fan_in_fan_out is for layers that store weights as [in, out]; SpectralGPT’s are torch.nn.Linear',
    mend: 'Train with fan_in_fan_out=False',
  },
  modules_to_save: {
    isRead: (value) =>
      isOff(value) ||
      (Array.isArray(value) && value.every((module) => module === 'head' || module === 'base_model.head')),
    reason: 'it trained other modules than the head',
    mend: 'Train with modules_to_save=["head"]',
  },
  layer_replication: {
    isRead: isOff,
    reason: 'it repeats blocks of the backbone',
    mend: 'Train without layer_replication',
  },
};

/**
 * Checks every field that is not known to leave unchanged what the adapter computes.
 *
 * @param file named in errors
 * @throws PEFT_UNSUPPORTED naming the field and how to fix it
 */
export function checkMeaning(file: string, config: Readonly<Record<string, unknown>>): void {
  for (const [field, value] of Object.entries(config)) {
    if (withoutMeaning.has(field) || read.has(field)) continue;
    const requirement = Object.hasOwn(requirements, field) ? requirements[field] : undefined;
    if (requirement?.isRead(value) ?? isOff(value)) continue;
    throw failure('PEFT_UNSUPPORTED', {
      file,
      reason: requirement?.reason ?? `its field ${field} asks for a variant that is not read`,
      mend: requirement?.mend ?? `Train without ${field}`,
    });
  }
}
