/** Parameters of HyperSIGMA that reach its result: shapes by name, and initial values. */
import { Random } from '@hyperswap/random';
import { seededNormals, type ValuesSeed } from '@hyperswap/tensor';
import { sizeOf, type Shapes } from '../shapes.js';
import {
  attendsToAll,
  spatialStages,
  spatialTokens,
  spectralDepth,
  tokenSide,
  windowSide,
  type HyperSigmaSize,
} from './size.js';

/** Prefixes of the encoders' names. */
export const encoders = ['spatial', 'spectral'] as const;
export type Encoder = (typeof encoders)[number];

/** Blocks of an encoder. */
export function depthOf(encoder: Encoder): number {
  return encoder === 'spectral' ? spectralDepth : spatialStages.reduce((sum, { depth }) => sum + depth, 0);
}

/**
 * Returns the shapes of an encoder's parameters. Weights of layers are `[out, in]`; blocks have the names of the
 * backbone's.
 */
export function encoderShapes(size: HyperSigmaSize, encoder: Encoder): Shapes {
  const { width, components, spectralTokens, reduced } = size;
  const [inputs, tokens] =
    encoder === 'spatial' ? [components * tokenSide ** 2, spatialTokens] : [windowSide ** 2, spectralTokens];
  return new Map<string, readonly number[]>([
    ...layer(`${encoder}.embed`, inputs, width),
    [`${encoder}.positions`, [tokens, width]],
    ...Array.from({ length: depthOf(encoder) }, (_, block) => blockShapes(size, encoder, block)).flat(),
    ...(encoder === 'spatial' ? [] : [['spectral.reduce.weight', [reduced, width]] as const]),
  ]);
}

/** Returns the shapes of the parameters of both encoders. */
export function allEncoderShapes(size: HyperSigmaSize): Shapes {
  return new Map(encoders.flatMap((encoder) => [...encoderShapes(size, encoder)]));
}

/** Returns the shapes of one block. @param block from 0 */
export function blockShapes(
  { width, heads, points, mlpRatio }: HyperSigmaSize,
  encoder: Encoder,
  block: number,
): [string, readonly number[]][] {
  const name = `${encoder}.blocks.${block}`;
  const norm = (which: string): [string, readonly number[]][] => [
    [`${name}.${which}.weight`, [width]],
    [`${name}.${which}.bias`, [width]],
  ];
  return [
    ...norm('norm1'),
    ...['q', 'k', 'v', 'proj'].flatMap((projection) => layer(`${name}.attn.${projection}`, width, width)),
    ...(attendsToAll(block) ? [] : layer(`${name}.attn.offsets`, width, heads * points * 2)),
    ...norm('norm2'),
    ...layer(`${name}.mlp.fc1`, width, mlpRatio * width),
    ...layer(`${name}.mlp.fc2`, mlpRatio * width, width),
  ];
}

/** Returns the shapes of what fuses both encoders and classifies. */
export function headShapes({ width, spectralTokens, reduced }: HyperSigmaSize, classes: number): Shapes {
  return new Map<string, readonly number[]>([
    ...spatialStages.flatMap((_, stage): [string, readonly number[]][] => [
      [`fusion.${stage}.reduce.weight`, [reduced, width]],
      [`fusion.${stage}.gate1.weight`, [reduced, spectralTokens]],
      [`fusion.${stage}.gate2.weight`, [reduced, reduced]],
    ]),
    ...layer('head.first', 4 * reduced, 2 * reduced),
    ...layer('head.second', 2 * reduced, reduced),
    ...layer('head.last', reduced, classes),
  ]);
}

function layer(name: string, input: number, out: number): [string, readonly number[]][] {
  return [
    [`${name}.weight`, [out, input]],
    [`${name}.bias`, [out]],
  ];
}

/** Returns the shapes of all parameters that reach the result. */
export function hyperSigmaShapes(size: HyperSigmaSize, classes: number): Shapes {
  return new Map([...allEncoderShapes(size), ...headShapes(size, classes)]);
}

/**
 * Returns a function that draws initial values of parameters, the same for the same seed in whatever order they are
 * asked for.
 *
 * The encoders start as in the release: normal with deviation 0.02, biases 0; the last layer of each branch divided by
 * √(2 · its block's number). The spatial embedding, the fusion and the head start uniform within ± input^-½, as
 * PyTorch's layers.
 *
 * @param shapes of everything that may be asked for
 */
export function initialValues(shapes: Shapes, seed: number): (name: string) => Float32Array {
  const parent = new Random(seed);
  const draw = (): number => parent.integer(2 ** 31);
  const seeds = new Map([...shapes.keys()].map((name): [string, ValuesSeed] => [name, [draw(), draw()]]));
  return (name) => {
    const own = seeds.get(name)!;
    const size = sizeOf(shapes.get(name)!);
    if (/norm\d\.weight$/.test(name)) return new Float32Array(size).fill(1);
    if (/^(spatial\.embed|fusion|head)\./.test(name)) {
      const [, input] = shapes.get(name.replace(/bias$/, 'weight'))!;
      return new Random(own[0]).uniforms(size, input! ** -0.5);
    }
    if (name.endsWith('.bias')) return new Float32Array(size);
    const branchEnd = /\.blocks\.(\d+)\.(attn\.proj|mlp\.fc2)\.weight$/.exec(name);
    const deviation = branchEnd === null ? 0.02 : 0.02 / Math.sqrt(2 * (Number(branchEnd[1]) + 1));
    return seededNormals(size, deviation, own);
  };
}
