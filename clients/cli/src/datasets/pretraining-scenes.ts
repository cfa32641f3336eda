import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { unzipSync } from 'fflate';
import { failure } from '@hyperswap/errors';
import { readMat5, writeNpy } from '@hyperswap/raster';
import { fileToUpload, type SceneToUpload } from '../upload.js';

/**
 * The real scenes that `spectralgpt-mini` is pretrained on: all of a data folder (its README describes them) but Indian Pines, which
 * is kept for the test.
 *
 * @throws FILE_UNREADABLE, FILE_FORMAT
 */
export async function pretrainingScenes(directory: string): Promise<SceneToUpload[]> {
  const anomaly = path.join(directory, 'anomaly');
  const names = await readdir(anomaly).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file: anomaly, reason: 'there is no such folder of scenes' }, cause);
  });
  const scenes: SceneToUpload[] = [];
  for (const file of names.sort()) {
    scenes.push({ name: path.parse(file).name, file: await fileToUpload(path.join(anomaly, file)), variable: 'data' });
  }
  scenes.push({
    name: 'pavia-university-lowres',
    file: await fileToUpload(path.join(directory, 'pavia_u_lowres', 'reg_pavia_dataset.mat')),
    variable: 'I1',
  });
  for (const name of ['Jasper', 'Samson', 'moffett']) {
    scenes.push(await unmixingScene(path.join(directory, 'unmixing', `${name}.mat`), name.toLowerCase()));
  }
  for (const name of ['aquileia', 'sundarbans']) {
    const file = path.join(directory, 'sentinel2', `${name}_s2_l2a.npz`);
    const image = unzipSync(await readFile(file), { filter: (entry) => entry.name === 'image.npy' })['image.npy'];
    if (image === undefined) {
      throw failure('VARIABLE_MISSING', { file, wanted: 'image', found: 'others' });
    }
    scenes.push({ name, file: { name: `${name}.npy`, content: image }, bandsFirst: true, keepBands: true });
  }
  return scenes;
}

/** Unmixing sets keep the cube as `Y` [bands, pixels], pixels down the columns first. */
async function unmixingScene(file: string, name: string): Promise<SceneToUpload> {
  const variables = readMat5(file, await readFile(file));
  const table = variables.get('Y');
  const lines = Number(variables.get('lines')?.values[0]);
  const columns = Number(variables.get('cols')?.values[0]);
  if (table === undefined || !Number.isInteger(lines) || !Number.isInteger(columns)) {
    throw failure('VARIABLE_MISSING', { file, wanted: 'Y, lines and cols', found: [...variables.keys()].join(', ') });
  }
  const bands = table.shape[0]!;
  const cube = new Float64Array(lines * columns * bands);
  for (let band = 0; band < bands; band++)
    for (let row = 0; row < lines; row++)
      for (let column = 0; column < columns; column++)
        cube[(row * columns + column) * bands + band] = table.values[band * lines * columns + column * lines + row]!;
  const content = writeNpy({ shape: [lines, columns, bands], values: cube });
  return { name, file: { name: path.basename(file), content } };
}
