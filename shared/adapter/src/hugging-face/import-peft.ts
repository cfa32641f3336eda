/**
 * Reads adapters of Hugging Face's PEFT (its `save_pretrained`) on SpectralGPT: LORA and LOKR on `attn.q` and `attn.v`, with the head as a module to save.
 *
 * PEFT scales by α / r, or α / √r for rsLoRA, LoKr with full factors too. Ranks and α may differ by module; here they are the same for all, so that
 * thinner factors are filled up with zeros and their scale goes into B: the update is the same.
 */
import { failure } from '@hyperswap/errors';
import { readSafetensors, SafetensorsError, type NamedTensor } from '@hyperswap/safetensors';
import type { Adapter } from '../blob.js';
import { byPattern, parsePeftConfig, type LokrConfig, type LoraConfig } from './peft-config.js';

/** What PEFT's files tell; patch size, classes, PCA and normaliser have to come from elsewhere. */
export interface PeftAdapter {
  readonly method: string;
  readonly settings: Readonly<Record<string, number>>;
  readonly factors: ReadonlyMap<string, NamedTensor>;
  readonly headWeight: NamedTensor;
  readonly headBias: NamedTensor;
}

type Parts = ReadonlyMap<string, NamedTensor>;

/** What a module's tensors are after its scale went into them, and their rank. */
interface Scaled {
  readonly factors: Readonly<Record<string, NamedTensor>>;
  readonly rank: number;
}

/**
 * @param configText `adapter_config.json`
 * @param model `adapter_model.safetensors`
 * @throws ADAPTER_INVALID naming the field or tensor
 */
export function importPeft(configText: string, model: Uint8Array): PeftAdapter {
  const config = parsePeftConfig('adapter_config.json', configText);
  const file = 'adapter_model.safetensors';
  const invalid = (reason: string, cause?: unknown): Error => failure('ADAPTER_INVALID', { file, reason }, cause);
  let tensors: ReadonlyMap<string, NamedTensor>;
  try {
    ({ tensors } = readSafetensors(model));
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause;
    throw invalid(cause.message, cause);
  }
  const modules = new Map<string, Map<string, NamedTensor>>();
  const head = new Map<string, NamedTensor>();
  for (const [key, tensor] of tensors) {
    const headPart = /^base_model\.model\.head\.(?:modules_to_save\.(?:default\.)?)?(weight|bias)$/.exec(key);
    const part = /^base_model\.model\.(blocks\.\d+\.attn\.[qv])\.(lora_[AB]|lokr_w[12](?:_[ab])?)(?:\.weight)?$/.exec(
      key,
    );
    if (headPart !== null) head.set(headPart[1]!, tensor);
    else if (part !== null) getOrMake(modules, part[1]!).set(part[2]!, tensor);
    else
      throw invalid(`tensor ${key} has no place here: adapters change attn.q and attn.v of the blocks, and the head`);
  }
  const [headWeight, headBias] = [head.get('weight'), head.get('bias')];
  if (headWeight === undefined || headBias === undefined) {
    throw invalid('the head is missing: train with modules_to_save=["head"]');
  }
  if (modules.size === 0) throw invalid('it adapts no module');
  const read = (module: string, parts: Parts): Scaled & { method: string } =>
    config.peft_type === 'LORA'
      ? { method: 'lora', ...scaledLora(module, parts, config, invalid) }
      : scaledLokr(module, parts, config, invalid);
  const scaled = new Map([...modules].map(([module, parts]) => [module, read(module, parts)]));
  const methods = new Set([...scaled.values()].map(({ method }) => method));
  if (methods.size > 1) throw invalid('some modules have a low-rank second factor and some a full one');
  const [method] = methods as Set<string> as unknown as [string];
  const rank = Math.max(...[...scaled.values()].map((found) => found.rank));
  return { method, ...assemble(method, scaled, rank, invalid), headWeight, headBias };
}

/** The whole adapter: what PEFT's files tell, the rest from an adapter of the same backbone and scene. */
export function completePeft(peft: PeftAdapter, like: Adapter): Adapter {
  const { method, settings, factors, headWeight, headBias } = peft;
  const pooling = 'mean' as const;
  const metadata = {
    ...like.metadata,
    method,
    settings: { ...settings },
    pooling,
    views: 1 as const,
    metrics: undefined,
  };
  const classes = like.metadata.classes.length;
  if (headWeight.shape[0] !== classes) {
    const reason = `its head knows ${headWeight.shape[0]} classes, the adapter it is completed from ${classes}`;
    throw failure('ADAPTER_INVALID', { file: 'adapter_model.safetensors', reason });
  }
  return { metadata, tensors: { ...like.tensors, factors, headWeight, headBias } };
}

function scaledLora(module: string, parts: Parts, config: LoraConfig, invalid: (reason: string) => Error): Scaled {
  const [a, b] = [parts.get('lora_A'), parts.get('lora_B')];
  if (a === undefined || b === undefined) throw invalid(`${module} lacks lora_A or lora_B`);
  const rank = a.shape[0]!;
  const named = byPattern(config.rank_pattern, module) ?? config.r;
  if (b.shape[1] !== rank || named !== rank) {
    throw invalid(`${module} has rank ${rank} in lora_A and ${b.shape[1]} in lora_B, the config says ${named}`);
  }
  const alpha = byPattern(config.alpha_pattern, module) ?? config.lora_alpha;
  const scale = alpha / (config.use_rslora === true ? Math.sqrt(rank) : rank);
  return { rank, factors: { lora_a: a, lora_b: scaleTensor(b, scale) } };
}

function scaledLokr(
  module: string,
  parts: Parts,
  config: LokrConfig,
  invalid: (reason: string) => Error,
): Scaled & { method: string } {
  const rank = byPattern(config.rank_pattern, module) ?? config.r;
  const scale = (byPattern(config.alpha_pattern, module) ?? config.alpha) / rank;
  const [w1a, w1b] = [parts.get('lokr_w1_a'), parts.get('lokr_w1_b')];
  const first = parts.get('lokr_w1') ?? (w1a && w1b && multiply(w1a, w1b));
  if (first === undefined) throw invalid(`${module} lacks lokr_w1`);
  const second = parts.get('lokr_w2');
  if (second !== undefined) {
    return { method: 'krona', rank: 1, factors: { krona_a: first, krona_b: scaleTensor(second, scale) } };
  }
  const [w2a, w2b] = [parts.get('lokr_w2_a'), parts.get('lokr_w2_b')];
  if (w2a === undefined || w2b === undefined) throw invalid(`${module} lacks lokr_w2, or lokr_w2_a and lokr_w2_b`);
  if (first.shape[0] !== first.shape[1]) throw invalid(`${module}.lokr_w1 is [${first.shape.join(', ')}], not square`);
  return {
    method: 'lokr',
    rank: w2a.shape[1]!,
    factors: { lokr_c: first, lokr_a: w2b, lokr_b: scaleTensor(w2a, scale) },
  };
}

/** Factors of one rank and scale 1, and the settings that say so. */
function assemble(
  method: string,
  scaled: ReadonlyMap<string, Scaled>,
  rank: number,
  invalid: (reason: string) => Error,
): { settings: Record<string, number>; factors: Map<string, NamedTensor> } {
  const factors = new Map<string, NamedTensor>();
  for (const [module, found] of scaled) {
    for (const [name, tensor] of Object.entries(found.factors)) {
      if (tensor.values.some((value) => !Number.isFinite(value))) throw invalid(`${module}.${name} holds NaN`);
      factors.set(`${module}.${name}`, fill(name, tensor, rank));
    }
  }
  const [{ factors: any }] = [...scaled.values()] as [Scaled];
  for (const module of unadapted(scaled)) {
    for (const name of Object.keys(any)) {
      const { shape, values } = factors.get(`${[...scaled.keys()][0]!}.${name}`)!;
      factors.set(`${module}.${name}`, { shape, values: new Float32Array(values.length) });
    }
  }
  if (method === 'lora') return { factors, settings: { rank, alpha: rank, lambda: 1 } };
  if (method === 'lokr') {
    return { factors, settings: { factor: any.lokr_c!.shape[0]!, rank, alpha: rank, lambda: 1 } };
  }
  const [rows, columns] = any.krona_a!.shape as [number, number];
  return { factors, settings: { rows, columns, scale: 1, lambda: 1 } };
}

/** Queries and values, up to the last block that is adapted, that are not: their update is zero. */
function unadapted(scaled: ReadonlyMap<string, unknown>): string[] {
  const last = Math.max(...[...scaled.keys()].map((module) => Number(module.split('.')[1])));
  const all = Array.from({ length: last + 1 }, (_, block) => [`blocks.${block}.attn.q`, `blocks.${block}.attn.v`]);
  return all.flat().filter((module) => !scaled.has(module));
}

/** Low-rank factors filled up with zeros to a rank; the others as they are. */
function fill(name: string, tensor: NamedTensor, rank: number): NamedTensor {
  const [rows, columns] = tensor.shape as [number, number];
  if (/^lo(ra|kr)_a$/.test(name) && rows < rank) {
    const values = new Float32Array(rank * columns);
    values.set(tensor.values);
    return { shape: [rank, columns], values };
  }
  if (/^lo(ra|kr)_b$/.test(name) && columns < rank) {
    const values = new Float32Array(rows * rank);
    for (let row = 0; row < rows; row++) {
      values.set(tensor.values.subarray(row * columns, (row + 1) * columns), row * rank);
    }
    return { shape: [rows, rank], values };
  }
  return tensor;
}

function scaleTensor({ shape, values }: NamedTensor, scale: number): NamedTensor {
  return { shape, values: scale === 1 ? values : values.map((value) => scale * value) };
}

function multiply(a: NamedTensor, b: NamedTensor): NamedTensor {
  const [rows, inner] = a.shape as [number, number];
  const columns = b.shape[1]!;
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a.values[row * inner + k]! * b.values[k * columns + column]!;
      values[row * columns + column] = sum;
    }
  }
  return { shape: [rows, columns], values };
}

function getOrMake(modules: Map<string, Map<string, NamedTensor>>, module: string): Map<string, NamedTensor> {
  const found = modules.get(module) ?? new Map<string, NamedTensor>();
  modules.set(module, found);
  return found;
}
