import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { extractWheel, fetchWheel, type PinnedWheel } from '@hyperswap/pypi';
import { elementCount, readNpy, writeNpy } from '@hyperswap/raster';
import { type LandCoverClass } from '@hyperswap/map';
import { repairLineEndings } from './repair-indian-pines.js';

/** The package that carries the scene; its files are as they were in 0.9. */
const wheel: PinnedWheel = {
  project: 'tensorly',
  version: '0.10.0',
  pythonVersion: '3.11',
  sha256: '90becb3d28023638ec60d19fbf8d87735b4ce1537fe3eb881897d69e107b882d',
};

const indianPinesAttribution =
  'Baumgardner, M. F., Biehl, L. L., Landgrebe, D. A. (2015). 220 Band AVIRIS Hyperspectral Image Data Set: June 12, 1992 Indian Pine Test Site 3. ' +
  'Purdue University Research Repository. doi:10.4231/R7RX991C. CC BY 3.0. From the package tensorly 0.10.0 (BSD-3-Clause), line-ending damage repaired.';

/** Classes in the order of the ground truth, colours after their usual maps. */
export const indianPinesClasses: readonly LandCoverClass[] = [
  { name: 'Alfalfa', color: 0x8c43e0 },
  { name: 'Corn-notill', color: 0xd92b2b },
  { name: 'Corn-mintill', color: 0xff7f2a },
  { name: 'Corn', color: 0xffd42a },
  { name: 'Grass-pasture', color: 0xa6e34b },
  { name: 'Grass-trees', color: 0x2f9e44 },
  { name: 'Grass-pasture-mowed', color: 0xbff5c8 },
  { name: 'Hay-windrowed', color: 0xc9a66b },
  { name: 'Oats', color: 0xf7f7b6 },
  { name: 'Soybean-notill', color: 0x1c7ed6 },
  { name: 'Soybean-mintill', color: 0x3bc9db },
  { name: 'Soybean-clean', color: 0x364fc7 },
  { name: 'Wheat', color: 0xe599f7 },
  { name: 'Woods', color: 0x0b5d1e },
  { name: 'Buildings-Grass-Trees-Drives', color: 0x868e96 },
  { name: 'Stone-Steel-Towers', color: 0xf1f3f5 },
];

/** Files of a fetched dataset. */
export interface FetchedDataset {
  readonly scene: string;
  readonly labels: string;
  readonly attribution: string;
  readonly classes: readonly LandCoverClass[];
  /** Values that the repair raised; undefined when the files were there already. */
  readonly repaired: number | undefined;
}

/**
 * Gets Indian Pines (AVIRIS, 145 × 145 pixels, 200 bands, 16 classes) into a folder: downloads, checks, repairs.
 *
 * @throws DOWNLOAD_FAILED, HASH_MISMATCH
 */
export async function fetchIndianPines(directory: string): Promise<FetchedDataset> {
  const scene = path.join(directory, 'indian-pines.npy');
  const labels = path.join(directory, 'indian-pines-labels.npy');
  const dataset = { scene, labels, attribution: indianPinesAttribution, classes: indianPinesClasses };
  const isHere = (file: string): Promise<boolean> =>
    stat(file).then(
      () => true,
      () => false,
    );
  if ((await isHere(scene)) && (await isHere(labels))) return { ...dataset, repaired: undefined };

  await mkdir(directory, { recursive: true });
  const work = await mkdtemp(path.join(directory, 'fetch-'));
  try {
    const data = 'tensorly/datasets/data/';
    await extractWheel(await fetchWheel(wheel, work), [`${data}Indian_pines`], work);
    const cube = path.join(work, data, 'Indian_pines_corrected.npy');
    const { shape, values } = readNpy(cube, await readFile(cube));
    const { values: repaired, raised } = repairLineEndings(Uint16Array.from(values), shape.at(-1)!);
    const truth = path.join(work, data, 'Indian_pines_gt.npy');
    const map = readNpy(truth, await readFile(truth));
    const small = Uint8Array.from(map.values).subarray(0, elementCount(map.shape));
    await writeFile(path.join(work, 'labels.npy'), writeNpy({ shape: map.shape, values: small }));
    await writeFile(path.join(work, 'scene.npy'), writeNpy({ shape, values: repaired }));
    await writeFile(path.join(directory, 'indian-pines-attribution.txt'), `${indianPinesAttribution}\n`);
    await rename(path.join(work, 'labels.npy'), labels);
    await rename(path.join(work, 'scene.npy'), scene);
    return { ...dataset, repaired: raised };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
