/**
 * Conversion of a SpectralGPT checkpoint to a backbone: the size comes from its tensors, and the positions are resized
 * for 32 × 32 patches.
 */
import { failure } from '@hyperswap/errors';
import type { TensorSource } from '@hyperswap/safetensors';
import {
  backboneConfigs,
  backboneConfigSchema,
  componentGroups,
  encoderShapes,
  tokensPerSide,
  type BackboneConfig,
} from '@hyperswap/spectralgpt';
import { foldPositions, resizeGrid } from './positions.js';

export interface ConversionOptions {
  /**
   * `folded`: separate tables added into one over all tokens; `separate`: kept; `zero`: one table of zeros, as the
   * original fine-tuning code starts.
   *
   * @default 'folded'
   */
  readonly positions?: 'folded' | 'separate' | 'zero';
  /** @default 'skip-first', as released */
  readonly pooling?: BackboneConfig['pooling'];
  /** Attention heads, for widths that are not a known size's. */
  readonly heads?: number;
}

/** A backbone ready to be written. */
export interface ConvertedBackbone {
  readonly config: BackboneConfig;
  readonly tensors: TensorSource;
}

/** Tensors that pretraining and fine-tuning keep beside the encoder. */
const besideEncoder = /^(decoder_|mask_token$|head\.|fc\.|cls_token$|fc_norm\.)/;
const positionNames = ['pos_embed', 'pos_embed_spatial', 'pos_embed_temporal'];

/**
 * @param file named in errors
 * @param found tensors of the checkpoint by the release's names
 * @throws BACKBONE_INVALID naming every tensor that is missing, unexpected or of another shape
 */
export function convertCheckpoint(file: string, found: TensorSource, options: ConversionOptions): ConvertedBackbone {
  const invalid = (reason: string): Error => failure('BACKBONE_INVALID', { file, reason });
  const separate = found.shapes.has('pos_embed_spatial') || found.shapes.has('pos_embed_temporal');
  const positions = options.positions ?? 'folded';
  if (positions === 'separate' && !separate) throw invalid('it has no separate positions; choose folded or zero');
  const config = readConfig(found, options, positions === 'separate' ? 'separate' : 'joint', invalid);
  checkNames(found, config, invalid);
  const tables = positionTables(found, config, positions, invalid);
  return {
    config,
    tensors: {
      shapes: encoderShapes(config),
      read: (name) => tables.get(name) ?? found.read(name),
    },
  };
}

function readConfig(
  { shapes }: TensorSource,
  { pooling = 'skip-first', heads: givenHeads }: ConversionOptions,
  positions: BackboneConfig['positions'],
  invalid: (reason: string) => Error,
): BackboneConfig {
  const kernel = shapes.get('patch_embed.proj.weight');
  if (kernel?.length !== 5 || kernel[3] !== kernel[4]) {
    const given = kernel === undefined ? 'missing' : `[${kernel.join(', ')}]`;
    throw invalid(`patch_embed.proj.weight is ${given}; SpectralGPT's is [width, 1, components, size, size]`);
  }
  const [width, , tokenComponents, tokenSize] = kernel as [number, number, number, number];
  const depth = new Set([...shapes.keys()].flatMap((name) => /^blocks\.(\d+)\./.exec(name)?.[1] ?? [])).size;
  const hidden = shapes.get('blocks.0.mlp.fc1.weight')?.[0] ?? 4 * width;
  const known = Object.values(backboneConfigs).find((config) => config.width === width);
  const heads = givenHeads ?? known?.heads;
  if (heads === undefined)
    throw invalid(`its width ${width} is of no known size: say how many heads it has with --heads`);
  const { imageSize, components } = backboneConfigs.base;
  const mlpRatio = hidden / width;
  const numbers = { width, depth, heads, imageSize, components, tokenSize, tokenComponents, mlpRatio };
  const parsed = backboneConfigSchema.safeParse({ ...numbers, positions, pooling });
  if (!parsed.success) throw invalid(parsed.error.issues[0]!.message);
  return parsed.data;
}

function checkNames({ shapes }: TensorSource, config: BackboneConfig, invalid: (reason: string) => Error): void {
  const wanted = encoderShapes(config);
  const complaints: string[] = [];
  const tell = (what: string, names: readonly string[]): void => {
    if (names.length === 0) return;
    const listed = names.slice(0, 5).join(', ');
    complaints.push(`${what}: ${listed}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`);
  };
  const isPosition = (name: string): boolean => positionNames.includes(name);
  tell(
    'missing',
    [...wanted.keys()].filter((name) => !isPosition(name) && !shapes.has(name)),
  );
  tell(
    'unexpected',
    [...shapes.keys()].filter((name) => !wanted.has(name) && !isPosition(name) && !besideEncoder.test(name)),
  );
  tell(
    'of another shape',
    [...wanted].flatMap(([name, shape]) => {
      const given = shapes.get(name);
      if (isPosition(name) || given === undefined || given.join() === shape.join()) return [];
      return [`${name} [${given.join(', ')}] instead of [${shape.join(', ')}]`];
    }),
  );
  if (complaints.length > 0) throw invalid(`tensors do not fit SpectralGPT: ${complaints.join('; ')}`);
}

function positionTables(
  found: TensorSource,
  config: BackboneConfig,
  positions: 'folded' | 'separate' | 'zero',
  invalid: (reason: string) => Error,
): ReadonlyMap<string, Float32Array> {
  const { width } = config;
  const groups = componentGroups(config);
  const side = tokensPerSide(config);
  if (positions === 'zero') return new Map([['pos_embed', new Float32Array(groups * side * side * width)]]);
  const rows = (name: string): number => {
    const shape = found.shapes.get(name);
    if (shape?.length !== 3 || shape[0] !== 1 || shape[2] !== width) {
      throw invalid(
        `${name} is ${shape === undefined ? 'missing' : `[${shape.join(', ')}]`}, not [1, tokens, ${width}]`,
      );
    }
    return shape[1]!;
  };
  const resized = (name: string, table: Float32Array): Float32Array => {
    const from = Math.sqrt(table.length / width);
    if (!Number.isInteger(from))
      throw invalid(`${name} covers ${table.length / width} tokens, which is no square grid`);
    return resizeGrid(table, from, side, width);
  };
  if (!found.shapes.has('pos_embed_spatial') && !found.shapes.has('pos_embed_temporal')) {
    const perGroup = rows('pos_embed') / groups;
    if (!Number.isInteger(perGroup))
      throw invalid(`pos_embed covers ${rows('pos_embed')} tokens, not ${groups} groups`);
    const table = found.read('pos_embed');
    const joint = new Float32Array(groups * side * side * width);
    for (let group = 0; group < groups; group++) {
      const part = table.slice(group * perGroup * width, (group + 1) * perGroup * width);
      joint.set(resized('pos_embed', part), group * side * side * width);
    }
    return new Map([['pos_embed', joint]]);
  }
  if (rows('pos_embed_temporal') !== groups) {
    throw invalid(`pos_embed_temporal covers ${rows('pos_embed_temporal')} groups of components, not ${groups}`);
  }
  rows('pos_embed_spatial');
  const spatial = resized('pos_embed_spatial', found.read('pos_embed_spatial'));
  const temporal = found.read('pos_embed_temporal');
  if (positions === 'folded') return new Map([['pos_embed', foldPositions(spatial, temporal, width)]]);
  return new Map([
    ['pos_embed_spatial', spatial],
    ['pos_embed_temporal', temporal],
  ]);
}
