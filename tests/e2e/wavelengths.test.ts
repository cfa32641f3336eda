/** Wavelengths from a scene's file to the adapter, and what happens to pixels of another sensor. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { AdapterVersion, Scene } from '@hyperswap/proto';
import { makeWorkspace, type Finished, type Workspace } from '../support/command.js';
import { readMap } from '../support/rasters.js';
import { npy, startServices, toyScene, type Services } from '../support/services.js';

const toy = toyScene();
const own = Array.from({ length: toy.bands }, (_, band) => 400 + 20 * band);
/** Bands of the other sensor: twice as many, so that every second one is of the first sensor. */
const others = Array.from({ length: 2 * toy.bands - 1 }, (_, band) => 400 + 10 * band);

let services: Services;
let workspace: Workspace;

const hyperswap = (...args: string[]): Promise<Finished> =>
  workspace.run('--endpoint', services.host.server.endpoint, '--json', ...args);

async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await hyperswap(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

const train = (scene: string): Promise<string> =>
  succeed(
    ...['train', '--scene', scene, '--adapter', scene, '--method', 'linear-probe', '--split', '12:4'],
    ...['--patch-size', '9', '--set', 'epochs=4'],
  );

async function classify(scene: string, ...options: string[]): Promise<number[]> {
  await succeed('classify', '--scene', scene, '--adapter', 'own', '--out', 'map', ...options);
  return [...(await readMap(path.join(workspace.directory, 'map', 'labels.tif')))].map(Number);
}

before(async () => {
  // Maps are compared pixel by pixel: bfloat16 would round scores apart that differ in the last bit of float32.
  services = await startServices({ precision: 'float32' });
  workspace = await makeWorkspace();
  const write = (name: string, content: string | Uint8Array): Promise<void> =>
    writeFile(path.join(workspace.directory, name), content);
  await write('own.csv', own.map((wavelength) => `${wavelength},15\n`).join(''));
  await write('others.csv', others.join('\n'));
  // The other sensor sees the same spectra, with the means of neighbours between them.
  const { height, width, bands, values } = toy;
  const doubled = new Float32Array(height * width * others.length);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let band = 0; band < others.length; band++) {
      const low = values[pixel * bands + Math.floor(band / 2)]!;
      const high = values[pixel * bands + Math.ceil(band / 2)]!;
      doubled[pixel * others.length + band] = (low + high) / 2;
    }
  }
  await write('others.npy', npy([height, width, others.length], doubled));
  const table = ['--bands-last', '--wavelengths', 'own.csv', '--bad-bands', '16'];
  await succeed('scenes', 'prepare', 'field.npy', '--name', 'own', '--labels', 'field-labels.npy', ...table);
  await train('own');
});

after(() => services.stop());

test('an adapter keeps the wavelengths, full widths and good bands of its scene, and both are shown', async () => {
  const adapter = JSON.parse(await succeed('adapters', 'show', 'own')) as AdapterVersion;
  assert.deepEqual(adapter.wavelengths, own);
  assert.deepEqual(adapter.fullWidths, new Array<number>(16).fill(15));
  assert.deepEqual(adapter.goodBands, [...new Array<boolean>(15).fill(true), false]);
  const scene = JSON.parse(await succeed('scenes', 'show', 'own')) as Scene;
  assert.deepEqual(scene.raster!.wavelengths, own);
  const endpoint = ['--endpoint', services.host.server.endpoint];
  const shown = await workspace.succeed(...endpoint, 'scenes', 'show', 'own');
  assert.match(shown, /wavelengths: 16 bands \(400, 420, 440 … 660, 680, 700 nm\), full widths known/);
  assert.match(shown, /bad bands: 16\n/);
  assert.match(await workspace.succeed(...endpoint, 'adapters', 'show', 'own'), /wavelengths: 16 bands \(400, 420/);
});

test('pixels of other bands are refused with both lists, or resampled to those of the adapter', async () => {
  const wanted = await classify('own');
  assert.deepEqual(await classify('field.npy', '--bands-last', '--wavelengths', 'own.csv'), wanted);
  const other = ['others.npy', '--bands-last', '--wavelengths', 'others.csv'];
  const refused = await hyperswap('classify', '--scene', ...other, '--adapter', 'own', '--out', 'map');
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /ADAPTER_WAVELENGTHS.*31 bands \(400, 410, 420 … 680, 690, 700 nm\).*16 bands \(400, 420/,
  );
  assert.match(refused.stderr, /--resample/);
  // Bands of the other sensor lie exactly on those of the first.
  assert.deepEqual(await classify('others.npy', ...other.slice(1), '--resample'), wanted);
});

test('a second scene takes the PCA of the first, resampled to its bands, and its adapters', async () => {
  const other = ['scenes', 'prepare', 'others.npy', '--bands-last', '--wavelengths', 'others.csv', '--name', 'second'];
  const refused = await hyperswap(...other, '--pca-of', 'own');
  assert.match(refused.stderr, /FIELD_INVALID.*pca_of: scene own has 16 bands, this one 31/);
  const second = JSON.parse(await succeed(...other, '--pca-of', 'own', '--resample')) as Scene;
  const first = JSON.parse(await succeed('scenes', 'show', 'own')) as Scene;
  assert.deepEqual([second.pcaDigest, second.raster!.bands], [first.pcaDigest, 16]);
  assert.deepEqual(await classify('second'), await classify('own'));
});

test('pixels whose wavelengths are not known are classified with a warning, and not resampled', async () => {
  const unknown = ['classify', '--scene', 'field.npy', '--bands-last', '--adapter', 'own', '--out', 'map'];
  const { code, stderr } = await hyperswap(...unknown);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /wavelengths of the file are not known/);
  const resampled = await hyperswap(...unknown, '--resample');
  assert.equal(resampled.code, 1);
  assert.match(resampled.stderr, /--wavelengths/);
});

test('a prepared scene of other bands is refused though its scores are of the same PCA', async () => {
  const { height, width } = toy;
  const twelve = Float32Array.from(
    { length: height * width * 12 },
    (_, i) => toy.values[Math.floor(i / 12) * 16 + (i % 12)]!,
  );
  await writeFile(path.join(workspace.directory, 'twelve.npy'), npy([height, width, 12], twelve));
  for (const [name, step] of [
    ['narrow', 10],
    ['wide', 30],
  ] as const) {
    const table = Array.from({ length: 12 }, (_, band) => 400 + step * band).join('\n');
    await writeFile(path.join(workspace.directory, `${name}.csv`), table);
    const options = ['--bands-last', '--keep-bands', '--wavelengths', `${name}.csv`, '--labels', 'field-labels.npy'];
    await succeed('scenes', 'prepare', 'twelve.npy', '--name', name, ...options);
  }
  await train('narrow');
  const { code, stderr } = await hyperswap('classify', '--scene', 'wide', '--adapter', 'narrow', '--out', 'map');
  assert.equal(code, 1);
  assert.match(stderr, /ADAPTER_WAVELENGTHS.*wide.*12 bands \(400, 430.*12 bands \(400, 410/);
});
