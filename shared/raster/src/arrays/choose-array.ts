import { failure } from '@hyperswap/errors';
import { elementCount } from '../array.js';
import { describeArray, type ReadOptions } from '../raster-format.js';
import type { ArrayContainer, ArrayDescription } from './array-reader.js';

/** Arrays that a message lists. */
const listed = 40;

/**
 * Chooses the array that a raster is read from: the one named, else the only one that can be a scene, or labels.
 *
 * @throws VARIABLE_MISSING with all that the file holds
 */
export function chooseArray(file: string, { arrays }: ArrayContainer, options: ReadOptions): ArrayDescription {
  const { variable, content = 'scene' } = options;
  if (variable !== undefined && variable !== '') {
    const found =
      arrays.find(({ name }) => name === variable) ?? arrays.find(({ name }) => plain(name) === plain(variable));
    if (found?.type !== undefined) return found;
    throw missing(file, variable, arrays);
  }
  const candidates = arrays.filter((array) => isCandidate(array, content));
  if (candidates.length === 1) return candidates[0]!;
  const numeric = arrays.filter(({ type }) => type !== undefined);
  // A file with one array is read as that array; errors then report its shape.
  if (candidates.length === 0 && arrays.length === 1 && numeric.length === 1) return numeric[0]!;
  const wanted = content === 'scene' ? 'of three dimensions' : 'of two dimensions';
  throw missing(file, candidates.length === 0 ? wanted : `that is the only one ${wanted}`, arrays);
}

/** Paths are written with slashes or dots, and with or without a slash before them. */
function plain(path: string): string {
  return path.replace(/^\//, '').replaceAll('/', '.');
}

function isCandidate({ shape, type }: ArrayDescription, content: 'scene' | 'labels'): boolean {
  if (type === undefined || elementCount(shape) === 0) return false;
  if (content === 'scene') return shape.length === 3;
  const plane = shape.length === 3 && shape.includes(1) ? shape.filter((_, axis) => axis !== shape.indexOf(1)) : shape;
  return plane.length === 2 && Math.min(...plane) > 1;
}

function missing(file: string, wanted: string, arrays: readonly ArrayDescription[]): Error {
  const shown = arrays.slice(0, listed).map(describeArray);
  if (arrays.length > listed) shown.push(`${arrays.length - listed} more`);
  return failure('VARIABLE_MISSING', { file, wanted, found: shown.join('; ') || 'none' });
}
