/**
 * HyperSIGMA's released encoders, `spat-vit-base…` and `spec-vit-base…`. Their blocks and the positions of spectral
 * tokens are taken, as the authors' classification does it. The embeddings belong to windows of another size, and the
 * sampling offsets are not in the files: these start at random and stay so, because the encoders are frozen.
 */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { openCheckpoint, type OpenCheckpoint } from '@hyperswap/checkpoint';
import { failure } from '@hyperswap/errors';
import { sizeOf, type Shapes } from '../shapes.js';
import { encoderShapes, type Encoder } from './parameters.js';
import type { HyperSigmaSize } from './size.js';

/** Beginnings of the names of the released files. */
const fileNames: Readonly<Record<Encoder, string>> = { spatial: 'spat-vit-base', spectral: 'spec-vit-base' };
const projections = ['q', 'k', 'v'];

/** Part of a tensor in a file: rows of a weight, or values of a bias, from `first` on. */
interface Place {
  readonly tensor: string;
  /** Shape of the whole tensor in the file. */
  readonly stored: readonly number[];
  /** First value. */
  readonly first: number;
}

/** Values of the released encoders. */
export interface ReleasedWeights {
  /** Returns the values of a parameter by our name; undefined for one that the files do not have. */
  read(name: string): Float32Array | undefined;
  close(): void;
}

/**
 * Opens the released files of a folder and checks the shapes of what is taken from them.
 *
 * @param folder with one file `spat-vit-base….pth` and one `spec-vit-base….pth` (or `.safetensors`)
 * @throws CONFIG_INVALID if a file is missing or there are several, FILE_UNREADABLE, BACKBONE_INVALID
 */
export async function openReleased(size: HyperSigmaSize, folder: string): Promise<ReleasedWeights> {
  const opened = new Map<Encoder, OpenCheckpoint>();
  const close = (): void => {
    for (const checkpoint of opened.values()) checkpoint.close();
  };
  const places = new Map<string, Place & { readonly checkpoint: OpenCheckpoint; readonly count: number }>();
  try {
    for (const encoder of ['spatial', 'spectral'] as const) {
      const file = await releasedFile(folder, fileNames[encoder]);
      const checkpoint = await openCheckpoint(file);
      opened.set(encoder, checkpoint);
      for (const [name, shape] of encoderShapes(size, encoder)) {
        const place = placeOf(name, shape);
        if (place === undefined) continue;
        requireShape(file, checkpoint.shapes, place);
        places.set(name, { ...place, checkpoint, count: sizeOf(shape) });
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    read: (name) => {
      const place = places.get(name);
      return place?.checkpoint.read(place.tensor).subarray(place.first, place.first + place.count);
    },
    close,
  };
}

/** Returns the place of a parameter in its file; undefined for one that is not taken from it. */
function placeOf(name: string, shape: readonly number[]): Place | undefined {
  const [encoder, ...rest] = name.split('.');
  const own = rest.join('.');
  if (own === 'positions') return encoder === 'spectral' ? whole('pos_embed', [1, ...shape]) : undefined;
  if (!own.startsWith('blocks.') || own.includes('.attn.offsets.')) return undefined;
  const part = projections.findIndex((projection) => own.includes(`.attn.${projection}.`));
  if (part === -1) return whole(own, shape);
  const [out, ...inputs] = shape as [number, ...number[]];
  const tensor = own.replace(`.attn.${projections[part]!}.`, '.attn.qkv.');
  return { tensor, stored: [projections.length * out, ...inputs], first: part * sizeOf(shape) };
}

function whole(tensor: string, stored: readonly number[]): Place {
  return { tensor, stored, first: 0 };
}

function requireShape(file: string, shapes: Shapes, { tensor, stored }: Place): void {
  const found = shapes.get(tensor);
  if (found?.join() === stored.join()) return;
  const given = found === undefined ? 'missing' : `[${found.join(', ')}]`;
  const reason = `tensor ${tensor} is ${given}; HyperSIGMA's base encoders have [${stored.join(', ')}]`;
  throw failure('BACKBONE_INVALID', { file, reason });
}

async function releasedFile(folder: string, beginning: string): Promise<string> {
  const allowed = `a folder with one file ${beginning}….pth or .safetensors`;
  const names = await readdir(folder).catch((cause: unknown) => {
    throw failure('CONFIG_INVALID', { key: 'hyperSigmaWeights', value: folder, allowed }, cause);
  });
  const found = names.filter((name) => name.startsWith(beginning) && /\.(pth|pt|safetensors)$/.test(name));
  if (found.length === 1) return path.join(folder, found[0]!);
  throw failure('CONFIG_INVALID', {
    key: 'hyperSigmaWeights',
    value: `${folder} (${found.length} such files)`,
    allowed,
  });
}
