import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** Endings of files that hold scenes or labels. */
const rasterEndings = new Set([
  '.mat',
  '.npy',
  '.npz',
  '.h5',
  '.he5',
  '.hdf5',
  '.nc',
  '.hdr',
  '.tif',
  '.tiff',
  '.zarr',
]);
const labelEndings = new Set([...rasterEndings, '.png', '.csv', '.txt', '.geojson', '.json', '.shp', '.gpkg', '.xml']);

/** Returns the files of a folder whose names end as those of scenes, in order. @throws Error as `readdir` */
export async function sceneFiles(folder: string): Promise<string[]> {
  return (await filesIn(folder)).filter((name) => rasterEndings.has(path.extname(name).toLowerCase()));
}

/** Returns the files of a folder whose names end as those of scenes or labels. @throws Error as `readdir` */
export async function labelFiles(folder: string): Promise<string[]> {
  return (await filesIn(folder)).filter((name) => labelEndings.has(path.extname(name).toLowerCase()));
}

async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
}
