/** ENVI raster of two files: the header and the binary, matched by their names. */
import { failure } from '@hyperswap/errors';
import type { RandomAccess } from '../../source/random-access.js';

const binaryEndings = ['', '.img', '.dat', '.bin', '.raw', '.bsq', '.bil', '.bip', '.envi', '.cub', '.sli'];

/** Returns the header of a binary among the files beside it: `x.img.hdr` or `x.hdr` for `x.img`, in any case. */
export function headerOf(name: string, beside: readonly string[]): string | undefined {
  const stem = name.replace(/\.[^.]*$/, '');
  return [`${name}.hdr`, `${stem}.hdr`]
    .flatMap((wanted) => named(wanted, beside) ?? [])
    .find((found) => found !== name);
}

/**
 * Returns the binary of a header among the files beside it.
 *
 * @throws FILE_FORMAT when there is none, or none that stands out
 */
function binaryOf(name: string, beside: readonly string[]): string {
  const stem = name.replace(/\.hdr$/i, '');
  const usual = binaryEndings
    .map((ending) => named(stem + ending, beside))
    .find((found) => found !== undefined && found !== name);
  if (usual !== undefined) return usual;
  const others = beside.filter(
    (other) => other.toLowerCase().startsWith(`${stem.toLowerCase()}.`) && !/\.(hdr|xml|txt)$/i.test(other),
  );
  if (others.length === 1) return others[0]!;
  const found = others.length === 0 ? 'there is none' : `there are ${others.slice(0, 10).join(', ')}`;
  throw failure('FILE_FORMAT', {
    file: name,
    expected: 'ENVI',
    reason: `the file with its data should be ${stem} or ${stem}.img beside it; ${found}`,
  });
}

function named(wanted: string, beside: readonly string[]): string | undefined {
  return beside.find((name) => name === wanted) ?? beside.find((name) => name.toLowerCase() === wanted.toLowerCase());
}

/** Opens header and binary, whichever of them `source` is. */
export async function openPair(
  source: RandomAccess,
  isHeader: boolean,
): Promise<{ header: RandomAccess; binary: RandomAccess }> {
  const beside = await source.siblings();
  if (isHeader) return { header: source, binary: await source.sibling(binaryOf(source.name, beside)) };
  return { header: await source.sibling(headerOf(source.name, beside)!), binary: source };
}
