import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { failure } from '@hyperswap/errors';
import { openFile, openMat5, readWholeArray, writeNpy } from '@hyperswap/raster';
import { fileToUpload, type SceneToUpload } from '../upload.js';

/**
 * The real scenes that `spectralgpt-mini` is pretrained on: all of a data folder (its README describes them) but Indian
 * Pines, which is kept for the test.
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
    const options = { variable: 'data' };
    scenes.push({ name: path.parse(file).name, file: await fileToUpload(path.join(anomaly, file)), options });
  }
  scenes.push({
    name: 'pavia-university-lowres',
    file: await fileToUpload(path.join(directory, 'pavia_u_lowres', 'reg_pavia_dataset.mat')),
    options: { variable: 'I1' },
  });
  for (const name of ['Jasper', 'Samson', 'moffett']) {
    scenes.push(await unmixingScene(path.join(directory, 'unmixing', `${name}.mat`), name.toLowerCase()));
  }
  for (const name of ['aquileia', 'sundarbans']) {
    const file = await fileToUpload(path.join(directory, 'sentinel2', `${name}_s2_l2a.npz`));
    scenes.push({ name, file, options: { variable: 'image', axes: 'bands-first' }, keepBands: true });
  }
  return scenes;
}

/** Unmixing sets keep the cube as `Y` [bands, pixels], pixels down the columns first. */
async function unmixingScene(file: string, name: string): Promise<SceneToUpload> {
  const source = await openFile(file);
  const variables = await openMat5(source);
  const found = variables.arrays.map((array) => array.name);
  if (!['Y', 'lines', 'cols'].every((wanted) => found.includes(wanted))) {
    throw failure('VARIABLE_MISSING', { file, wanted: 'Y, lines and cols', found: found.join(', ') });
  }
  const table = await readWholeArray(variables, 'Y');
  const lines = (await readWholeArray(variables, 'lines')).values[0]!;
  const columns = (await readWholeArray(variables, 'cols')).values[0]!;
  await variables.close();
  await source.close();
  const bands = table.shape[0]!;
  const cube = new Float64Array(lines * columns * bands);
  for (let band = 0; band < bands; band++)
    for (let row = 0; row < lines; row++)
      for (let column = 0; column < columns; column++)
        cube[(row * columns + column) * bands + band] = table.values[band * lines * columns + column * lines + row]!;
  const content = writeNpy({ shape: [lines, columns, bands], values: cube });
  return { name, file: { name: path.basename(file), content } };
}
