/**
 * Reads adapters of Hugging Face's PEFT (its `save_pretrained`) on SpectralGPT: LORA and LOKR on `attn.q` and `attn.v`
 * of any blocks, with the head as a module to save.
 *
 * PEFT scales by α / r, or α / √r for rsLoRA, LoKr with full factors too. Ranks and α may differ by module; here they
 * are the same for all, so that thinner factors are filled up with zeros and their scale goes into B: the update is the
 * same.
 */
import { failure } from '@hyperswap/errors';
import { readTensors, SafetensorsError, unusableValue, type NamedTensor, type WorkSteps } from '@hyperswap/safetensors';
import { maximumBlobBytes, maximumHeaderBytes, type Adapter } from '../blob.js';
import { formatVersion, type AdapterMetadata } from '../metadata.js';
import { parsePeftConfig, type LokrConfig, type LoraConfig } from './peft-config.js';
import { byPattern } from './peft-pattern.js';

/** Content of PEFT's files; patch size, classes, PCA and normaliser have to come from elsewhere. */
export interface PeftAdapter {
  readonly method: string;
  readonly settings: Readonly<Record<string, number>>;
  /** Projections that it adapts, for example `blocks.0.attn.q`. */
  readonly targets: readonly string[];
  readonly factors: ReadonlyMap<string, NamedTensor>;
  readonly headWeight: NamedTensor;
  readonly headBias: NamedTensor;
}

type Parts = ReadonlyMap<string, NamedTensor>;

/** Counts values before they are made. @throws ADAPTER_INVALID when all together are more than a blob holds */
type Claim = (values: number) => void;

/** Tensors of a module with its scale multiplied in, and their rank. */
interface Scaled {
  readonly factors: Readonly<Record<string, NamedTensor>>;
  readonly rank: number;
}

/** Names of the two files of an adapter. */
export const peftConfigFile = 'adapter_config.json';
export const peftModelFile = 'adapter_model.safetensors';

/**
 * Reads the two files in steps, a step a tensor or a module.
 *
 * @param configFile content of `adapter_config.json`
 * @param model content of `adapter_model.safetensors`
 * @throws ADAPTER_INVALID naming the field or tensor; PEFT_UNSUPPORTED with a way to fix it
 */
export function* importPeft(configFile: Uint8Array, model: Uint8Array): WorkSteps<PeftAdapter> {
  const config = parsePeftConfig(peftConfigFile, configFile);
  const file = peftModelFile;
  const invalid = (reason: string, cause?: unknown): Error => failure('ADAPTER_INVALID', { file, reason }, cause);
  let tensors: ReadonlyMap<string, NamedTensor>;
  try {
    ({ tensors } = yield* readTensors(model, { maximumHeaderBytes }));
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause;
    throw invalid(cause.message, cause);
  }
  const modules = new Map<string, Map<string, NamedTensor>>();
  const head = new Map<string, NamedTensor>();
  for (const [key, tensor] of tensors) {
    const unusable = unusableValue(tensor.values);
    if (unusable !== undefined) throw invalid(`tensor ${key} holds the value ${unusable}`);
    yield;
    const headPart = /^base_model\.model\.head\.(?:modules_to_save\.(?:default\.)?)?(weight|bias)$/.exec(key);
    const part = /^base_model\.model\.(blocks\.\d+\.attn\.[qv])\.(lora_[AB]|lokr_w[12](?:_[ab])?)(?:\.weight)?$/.exec(
      key,
    );
    if (headPart !== null) head.set(headPart[1]!, tensor);
    else if (part !== null) getOrMake(modules, part[1]!).set(part[2]!, tensor);
    else
      throw failure('PEFT_UNSUPPORTED', {
        file,
        reason: `tensor ${key} has no place here: adapters change attn.q and attn.v of the blocks, and the head`,
        mend: 'Train with target_modules=["q", "v"] and modules_to_save=["head"]',
      });
  }
  const [headWeight, headBias] = [head.get('weight'), head.get('bias')];
  if (headWeight === undefined || headBias === undefined) {
    throw invalid('the head is missing: train with modules_to_save=["head"]');
  }
  if (modules.size === 0) throw invalid('it adapts no module');
  let values = 0;
  const claim: Claim = (count) => {
    values += count;
    const most = maximumBlobBytes / Float32Array.BYTES_PER_ELEMENT;
    if (values > most) throw invalid(`multiplied and filled up, its factors have more than ${most} values`);
  };
  const read = (module: string, parts: Parts): Scaled & { method: string } =>
    config.peft_type === 'LORA'
      ? { method: 'lora', ...scaledLora(module, parts, config, invalid) }
      : scaledLokr(module, parts, config, claim, invalid);
  const scaled = new Map<string, Scaled & { method: string }>();
  for (const [module, parts] of modules) {
    scaled.set(module, read(module, parts));
    yield;
  }
  const methods = new Set([...scaled.values()].map(({ method }) => method));
  if (methods.size > 1) throw invalid('some modules have a low-rank second factor and some a full one');
  const [method] = methods as Set<string> as unknown as [string];
  requireOneSize(scaled, invalid);
  const rank = Math.max(...[...scaled.values()].map((found) => found.rank));
  const targets = [...scaled.keys()].sort(byBlock);
  return { method, targets, ...(yield* assemble(method, scaled, rank, claim)), headWeight, headBias };
}

/** Builds the whole adapter: from PEFT's files, and the rest from an adapter of the same backbone and scene. */
export function completePeft(peft: PeftAdapter, like: Adapter): Adapter {
  const { method, settings, targets, factors, headWeight, headBias } = peft;
  const pooling = 'mean' as const;
  const metadata: AdapterMetadata = {
    ...like.metadata,
    method,
    settings: { ...settings },
    targets: [...targets],
    pooling,
    views: 1 as const,
    formatVersion,
    metrics: undefined,
    calibration: undefined,
    diffusion: undefined,
  };
  const classes = like.metadata.classes.length;
  if (headWeight.shape[0] !== classes) {
    const reason = `its head knows ${headWeight.shape[0]} classes, the adapter it is completed from ${classes}`;
    throw failure('ADAPTER_INVALID', { file: peftModelFile, reason });
  }
  return { metadata, tensors: { ...like.tensors, factors, headWeight, headBias } };
}

function scaledLora(module: string, parts: Parts, config: LoraConfig, invalid: (reason: string) => Error): Scaled {
  const [a, b] = [parts.get('lora_A'), parts.get('lora_B')];
  if (a === undefined || b === undefined) throw invalid(`${module} lacks lora_A or lora_B`);
  requireMatrices(module, [a, b], invalid);
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
  claim: Claim,
  invalid: (reason: string) => Error,
): Scaled & { method: string } {
  const rank = byPattern(config.rank_pattern, module) ?? config.r;
  const scale = (byPattern(config.alpha_pattern, module) ?? config.alpha) / rank;
  requireMatrices(module, [...parts.values()], invalid);
  const [w1a, w1b] = [parts.get('lokr_w1_a'), parts.get('lokr_w1_b')];
  if (w1a !== undefined && w1b !== undefined) {
    requireProduct(module, w1a, w1b, invalid);
    claim(w1a.shape[0]! * w1b.shape[1]!);
  }
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

/** Factors with one rank and scale 1, and the matching settings. */
function* assemble(
  method: string,
  scaled: ReadonlyMap<string, Scaled>,
  rank: number,
  claim: Claim,
): WorkSteps<{ settings: Record<string, number>; factors: Map<string, NamedTensor> }> {
  const factors = new Map<string, NamedTensor>();
  for (const [module, found] of scaled) {
    for (const [name, tensor] of Object.entries(found.factors)) {
      claim(tensor.shape.reduce((product, side, axis) => product * (isRank(name, axis) ? rank : side), 1));
      factors.set(`${module}.${name}`, fill(name, tensor, rank));
    }
    yield;
  }
  const [{ factors: any }] = [...scaled.values()] as [Scaled];
  if (method === 'lora') return { factors, settings: { rank, alpha: rank, lambda: 1 } };
  if (method === 'lokr') {
    return { factors, settings: { factor: any.lokr_c!.shape[0]!, rank, alpha: rank, lambda: 1 } };
  }
  const [rows, columns] = any.krona_a!.shape as [number, number];
  return { factors, settings: { rows, columns, scale: 1, lambda: 1 } };
}

function requireMatrices(module: string, parts: readonly NamedTensor[], invalid: (reason: string) => Error): void {
  const wrong = parts.find(({ shape }) => shape.length !== 2 || shape.some((side) => side < 1));
  if (wrong !== undefined) throw invalid(`${module} has a factor of [${wrong.shape.join(', ')}], which is no matrix`);
}

function requireProduct(module: string, a: NamedTensor, b: NamedTensor, invalid: (reason: string) => Error): void {
  if (a.shape[1] === b.shape[0]) return;
  throw invalid(`${module} has factors of [${a.shape.join(', ')}] and [${b.shape.join(', ')}], which have no product`);
}

/** Filling up to one rank is bounded only where all modules have factors of one size. */
function requireOneSize(scaled: ReadonlyMap<string, Scaled>, invalid: (reason: string) => Error): void {
  const size = ({ factors }: Scaled): string =>
    Object.entries(factors)
      .map(
        ([name, { shape }]) => `${name} ${shape.map((side, axis) => (isRank(name, axis) ? 'rank' : side)).join(' × ')}`,
      )
      .join(', ');
  const [[first, expected], ...others] = [...scaled].map(([module, found]) => [module, size(found)] as const) as [
    readonly [string, string],
  ];
  const other = (others as (readonly [string, string])[]).find(([, found]) => found !== expected);
  if (other !== undefined) {
    throw invalid(`${first} has factors ${expected}, ${other[0]} has ${other[1]}: all projections are of one size`);
  }
}

/** Tells the axis of a low-rank factor that has as many rows or columns as its rank. */
function isRank(name: string, axis: number): boolean {
  return /^lo(ra|kr)_a$/.test(name) ? axis === 0 : /^lo(ra|kr)_b$/.test(name) && axis === 1;
}

function byBlock(a: string, b: string): number {
  return Number(a.split('.')[1]) - Number(b.split('.')[1]) || (a < b ? -1 : 1);
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
