/**
 * Published splits of Indian Pines, whose files are not part of hyperswap: a user has them, and they are renumbered
 * here.
 */
import { access } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import { openRaster } from '@hyperswap/raster';

/** Label maps of the scene in the ground truth's numbering, row by row. */
export interface PublishedSplit {
  readonly height: number;
  readonly width: number;
  /** Label maps by name; the training map first. */
  readonly maps: readonly (readonly [name: string, labels: Uint8Array])[];
}

interface Source {
  readonly name: string;
  readonly files: readonly [string, string];
  /** Makes the training map and the test map of the two files. */
  readonly decode: (first: Uint8Array, second: Uint8Array) => readonly [Uint8Array, Uint8Array];
  /** Names of the two label maps. */
  readonly maps: readonly [string, string];
}

/**
 * Ground-truth number of each class of the TR and TE maps of miniGCN and SpectralFormer, which number them in another
 * order.
 */
const spectralFormerNumbers = [2, 3, 4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 16, 1, 7, 9];
/** The same of the training map of IEEE GRSS DASE. */
const daseNumbers = [2, 3, 5, 6, 8, 10, 11, 12, 14, 1, 4, 7, 9, 13, 15, 16];

const renumbered = (labels: Uint8Array, numbers: readonly number[]): Uint8Array =>
  labels.map((label) => (label === 0 ? 0 : (numbers[label - 1] ?? 0)));

const sources: readonly Source[] = [
  {
    name: 'TR/TE of miniGCN and SpectralFormer',
    files: ['IndianTR123_temp123.tif', 'IndianTE123_temp123.tif'],
    decode: (train, test) => [renumbered(train, spectralFormerNumbers), renumbered(test, spectralFormerNumbers)],
    maps: ['tr', 'te'],
  },
  {
    name: 'IEEE GRSS DASE',
    files: ['indianpines_ts.tif', '19920612_AVIRIS_IndianPine_Site3_gr.tif'],
    // The ground truth contradicts ten training pixels (class 7, not 11): they test.
    decode: (given, truth) => {
      const train = renumbered(given, daseNumbers).map((label, pixel) => (label === truth[pixel] ? label : 0));
      return [train, truth.map((label, pixel) => (train[pixel] === 0 ? label : 0))];
    },
    maps: ['dase-train', 'dase-test'],
  },
];

/** Returns the published split whose two files a folder holds. @throws FIELD_INVALID; errors of reading rasters */
export async function readPublishedSplit(directory: string): Promise<PublishedSplit> {
  for (const { files, decode, maps } of sources) {
    const paths = files.map((file) => path.join(directory, file));
    if (!(await areThere(paths))) continue;
    const [first, second] = [await readLabels(paths[0]!), await readLabels(paths[1]!)];
    const { height, width } = first;
    if (second.height !== height || second.width !== width) {
      const reason = `${files[0]} has ${height} × ${width} pixels, ${files[1]} has ${second.height} × ${second.width}`;
      throw failure('FIELD_INVALID', { field: 'split', reason });
    }
    const decoded = decode(first.labels, second.labels);
    return { height, width, maps: maps.map((name, index) => [name, decoded[index]!] as const) };
  }
  const known = sources.map(({ name, files }) => `${files.join(' and ')} (${name})`);
  throw failure('FIELD_INVALID', { field: 'split', reason: `${directory} holds neither ${known.join(' nor ')}` });
}

async function areThere(files: readonly string[]): Promise<boolean> {
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  return !found.includes(false);
}

async function readLabels(file: string): Promise<{ height: number; width: number; labels: Uint8Array }> {
  const raster = await openRaster(file, { content: 'labels' });
  try {
    const { height, width } = raster.info;
    const values = await raster.readWindow({ row: 0, column: 0, height, width });
    return { height, width, labels: Uint8Array.from(values) };
  } finally {
    await raster.close();
  }
}
