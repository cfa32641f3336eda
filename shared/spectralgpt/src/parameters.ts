import { Random } from '@hyperswap/random';
import type { NamedTensor } from '@hyperswap/safetensors';
import { componentGroups, tokenCount, tokensPerSide, type BackboneConfig } from './config.js';

export type ParameterShapes = ReadonlyMap<string, readonly number[]>;

/** Shapes of one transformer block's parameters, by the release's names; linear weights are `[out, in]`. */
export function blockShapes(prefix: string, width: number, hidden: number): [string, readonly number[]][] {
  const linear = (name: string, out: number, input: number): [string, readonly number[]][] => [
    [`${prefix}.${name}.weight`, [out, input]],
    [`${prefix}.${name}.bias`, [out]],
  ];
  const norm = (name: string): [string, readonly number[]][] => [
    [`${prefix}.${name}.weight`, [width]],
    [`${prefix}.${name}.bias`, [width]],
  ];
  return [
    ...norm('norm1'),
    ...['q', 'k', 'v', 'proj'].flatMap((name) => linear(`attn.${name}`, width, width)),
    ...norm('norm2'),
    ...linear('mlp.fc1', hidden, width),
    ...linear('mlp.fc2', width, hidden),
  ];
}

/** Shapes of all parameters of the encoder, by the release's names. */
export function encoderShapes(config: BackboneConfig): ParameterShapes {
  const { width, depth, mlpRatio, tokenSize, tokenComponents } = config;
  const spatial = tokensPerSide(config) ** 2;
  return new Map<string, readonly number[]>([
    ['patch_embed.proj.weight', [width, 1, tokenComponents, tokenSize, tokenSize]],
    ['patch_embed.proj.bias', [width]],
    ...(config.positions === 'joint'
      ? ([['pos_embed', [1, tokenCount(config), width]]] as [string, readonly number[]][])
      : ([
          ['pos_embed_spatial', [1, spatial, width]],
          ['pos_embed_temporal', [1, componentGroups(config), width]],
        ] as [string, readonly number[]][])),
    ...Array.from({ length: depth }, (_, block) => blockShapes(`blocks.${block}`, width, mlpRatio * width)).flat(),
    ['norm.weight', [width]],
    ['norm.bias', [width]],
  ]);
}

/**
 * Fresh parameters: linear weights uniform by Glorot, positions and tokens normal with deviation 0.02, norms the
 * identity, as the release initialises them.
 */
export function initialParameters(shapes: ParameterShapes, seed: number): Map<string, NamedTensor> {
  const random = new Random(seed);
  const parameters = new Map<string, NamedTensor>();
  for (const [name, shape] of shapes) {
    const size = shape.reduce((product, length) => product * length, 1);
    parameters.set(name, { shape, values: initialValues(name, shape, size, random) });
  }
  return parameters;
}

function initialValues(name: string, shape: readonly number[], size: number, random: Random): Float32Array {
  if (/norm\d?\.weight$/.test(name)) return new Float32Array(size).fill(1);
  if (name.endsWith('.bias')) return new Float32Array(size);
  if (!name.endsWith('.weight')) return random.normals(size, 0.02);
  const out = shape[0]!;
  const bound = Math.sqrt(6 / (out + size / out));
  return Float32Array.from({ length: size }, () => bound * (2 * random.uniform() - 1));
}
