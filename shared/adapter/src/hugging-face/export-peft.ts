/**
 * Writes adapters as Hugging Face's PEFT saves them, so that `PeftModel.from_pretrained` loads them onto a PyTorch
 * SpectralGPT.
 */
import { failure } from '@hyperswap/errors';
import { writeSafetensors, type NamedTensor } from '@hyperswap/safetensors';
import type { Adapter } from '../blob.js';

export interface PeftFiles {
  /** `adapter_config.json` */
  readonly config: string;
  /** `adapter_model.safetensors` */
  readonly model: Uint8Array;
}

/** The highest rank of a LoRA that a Kronecker product is written as. The paper's KronA has 4. */
const maximumRank = 256;

/**
 * LoRA as LORA. LoKr as LOKR. KronA with a square A as LOKR, whose two factors are full then; PEFT splits both sides of
 * a weight alike, so that another A goes as the LORA that it equals: A ⊗ B = (A ⊗ I)(I ⊗ B), of rank (columns of A) ·
 * (rows of B).
 *
 * @param reference named in errors
 * @throws PEFT_EXPORT with a way to fix it when PEFT has no such method, or would need a rank that is no adapter's
 */
export function exportPeft(reference: string, { metadata, tensors }: Adapter): PeftFiles {
  const { method, settings, pooling } = metadata;
  const refuse = (reason: string, mend: string): Error => failure('PEFT_EXPORT', { adapter: reference, reason, mend });
  if (pooling !== 'mean') {
    const reason = `its head sees ${pooling} of the tokens, the release's classifier their mean`;
    throw refuse(reason, 'Train with the setting pooling=mean');
  }
  if (metadata.diffusion !== undefined) {
    throw refuse('its features are diffused along the walks of a scene', 'Train without the setting diffuse');
  }
  const modules = groupByModule(tensors.factors);
  // PEFT takes each for the end of a module's name.
  const targets = metadata.targets ?? ['q', 'v'];
  const files = (config: Record<string, unknown>, parts: ReadonlyMap<string, NamedTensor>): PeftFiles => {
    const head = { 'base_model.model.head.weight': tensors.headWeight, 'base_model.model.head.bias': tensors.headBias };
    const common = {
      auto_mapping: null,
      base_model_name_or_path: metadata.backbone.name,
      inference_mode: true,
      modules_to_save: ['head'],
      rank_pattern: {},
      alpha_pattern: {},
      target_modules: targets,
      task_type: null,
    };
    return {
      config: `${JSON.stringify({ ...common, ...config }, null, 2)}\n`,
      // PEFT's reader asks for this entry.
      model: writeSafetensors({ tensors: new Map([...parts, ...Object.entries(head)]), metadata: { format: 'pt' } }),
    };
  };
  const lora = (rank: number, alpha: number, parts: ReadonlyMap<string, NamedTensor>): PeftFiles =>
    files({ peft_type: 'LORA', r: rank, lora_alpha: alpha, lora_dropout: 0, bias: 'none', use_rslora: false }, parts);
  const lokr = (rank: number, alpha: number, factor: number, parts: ReadonlyMap<string, NamedTensor>): PeftFiles => {
    const decomposition = { decompose_both: false, decompose_factor: factor };
    return files({ peft_type: 'LOKR', r: rank, alpha, rank_dropout: 0, module_dropout: 0, ...decomposition }, parts);
  };
  if (method === 'lora' || method === 'lora+') {
    return lora(settings.rank!, settings.alpha!, rename(modules, { lora_a: 'lora_A.weight', lora_b: 'lora_B.weight' }));
  }
  if (method === 'lokr') {
    const names = { lokr_c: 'lokr_w1', lokr_b: 'lokr_w2_a', lokr_a: 'lokr_w2_b' };
    const { rank, alpha, factor } = settings;
    const [[, first]] = [...modules] as [[string, Record<string, NamedTensor>]];
    const side = Math.max(first.lokr_b!.shape[0]!, first.lokr_a!.shape[1]!);
    // PEFT keeps the second factor whole unless the rank is below half its side.
    if (rank! < side / 2) return lokr(rank!, alpha!, factor!, rename(modules, names));
    throw refuse(
      `PEFT does not decompose a factor of ${side} at rank ${rank}`,
      `Train with a rank below ${side / 2}, or with KronA, whose factors are whole`,
    );
  }
  if (method === 'krona' || method === 'krona+') {
    const { rows, columns, scale } = settings as { rows: number; columns: number; scale: number };
    const [[, first]] = [...modules] as [[string, Record<string, NamedTensor>]];
    const [b1, b2] = first.krona_b!.shape as [number, number];
    if (rows === columns && b1 === b2) {
      // The rank from which on PEFT keeps both factors whole; it scales by α / r.
      const rank = Math.max(Math.ceil(b1 / 2), rows);
      return lokr(rank, rank * scale, rows, rename(modules, { krona_a: 'lokr_w1', krona_b: 'lokr_w2' }));
    }
    const rank = columns * b1;
    if (rank > maximumRank) {
      throw refuse(`it equals a LoRA of rank ${rank}`, `Train with columns · (width / rows) of at most ${maximumRank}`);
    }
    const parts = new Map<string, NamedTensor>();
    for (const [module, { krona_a: a, krona_b: b }] of modules) {
      parts.set(`base_model.model.${module}.lora_B.weight`, kronecker(a!, identity(b1)));
      parts.set(`base_model.model.${module}.lora_A.weight`, kronecker(identity(columns), b!));
    }
    return lora(rank, rank * scale, parts);
  }
  throw refuse(`PEFT has no ${method} that it could be written as`, 'Train with lora, lora+, lokr, krona or krona+');
}

function groupByModule(factors: ReadonlyMap<string, NamedTensor>): Map<string, Record<string, NamedTensor>> {
  const modules = new Map<string, Record<string, NamedTensor>>();
  for (const [name, tensor] of factors) {
    const dot = name.lastIndexOf('.');
    const module = name.slice(0, dot);
    modules.set(module, { ...modules.get(module), [name.slice(dot + 1)]: tensor });
  }
  return modules;
}

function rename(
  modules: ReadonlyMap<string, Readonly<Record<string, NamedTensor>>>,
  names: Readonly<Record<string, string>>,
): Map<string, NamedTensor> {
  const renamed = new Map<string, NamedTensor>();
  for (const [module, factors] of modules) {
    for (const [own, theirs] of Object.entries(names))
      renamed.set(`base_model.model.${module}.${theirs}`, factors[own]!);
  }
  return renamed;
}

function identity(size: number): NamedTensor {
  const values = new Float32Array(size * size);
  for (let i = 0; i < size; i++) values[i * (size + 1)] = 1;
  return { shape: [size, size], values };
}

function kronecker(a: NamedTensor, b: NamedTensor): NamedTensor {
  const [a1, a2] = a.shape as [number, number];
  const [b1, b2] = b.shape as [number, number];
  const values = new Float32Array(a1 * b1 * a2 * b2);
  for (let i = 0; i < a1 * b1; i++) {
    for (let j = 0; j < a2 * b2; j++) {
      const left = a.values[Math.floor(i / b1) * a2 + Math.floor(j / b2)]!;
      values[i * a2 * b2 + j] = left * b.values[(i % b1) * b2 + (j % b2)]!;
    }
  }
  return { shape: [a1 * b1, a2 * b2], values };
}
