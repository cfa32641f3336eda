import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { mapPlace, traceRegions } from '@hyperswap/map';
import { CogWriter, OutputFolder } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { readRaster } from '../support/rasters.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const temporary = (): Promise<string> => temporaryFolder('files');

async function writeLabels(folder: OutputFolder, name: string, labels: Uint8Array, width: number): Promise<void> {
  const height = labels.length / width;
  const writer = await CogWriter.create(folder, name, {
    ...{ height, width, palette: [0xff0000, 0x00ff00], nodata: 0, overviews: 'mode' },
    ...{ facts: {}, descriptions: ['land cover'], crs: { epsg: 32616 }, transform: [20, 0, 5, 0, -20, 9] },
  });
  await writer.append(labels);
  await writer.finish();
}

test('a written GeoTIFF reads back with its labels, colours and place', async () => {
  const folder = await OutputFolder.open(await temporary());
  const labels = Uint8Array.from({ length: 300 * 290 }, (_, pixel) => pixel % 3);
  await writeLabels(folder, 'labels.tif', labels, 290);
  const [file] = await folder.commit();
  const { info, values } = await readRaster(file!, { content: 'labels' });
  assert.deepEqual([info.height, info.width, info.bands], [300, 290, 1]);
  assert.equal(info.classes?.[2]?.color, 0x00ff00);
  assert.deepEqual(info.crs, { epsg: 32616 });
  assert.deepEqual(info.transform, [20, 0, 5, 0, -20, 9]);
  assert.deepEqual([...values], [...labels]);
});

test('files appear together when all are complete; what was there stays until then, and what does not fit goes', async () => {
  const directory = await temporary();
  await writeFile(path.join(directory, 'labels.tif'), 'old');
  await writeFile(path.join(directory, 'polygons.geojson'), 'old');
  const folder = await OutputFolder.open(directory);
  await folder.write('labels.tif', 'new');
  folder.remove('polygons.geojson');
  assert.equal(await readFile(path.join(directory, 'labels.tif'), 'utf8'), 'old');
  await folder.discard();
  assert.deepEqual((await readdir(directory)).sort(), ['labels.tif', 'polygons.geojson']);
  const again = await OutputFolder.open(directory);
  await again.write('labels.tif', 'new');
  again.remove('polygons.geojson');
  assert.deepEqual(await again.commit(), [path.join(directory, 'labels.tif')]);
  assert.deepEqual(await readdir(directory), ['labels.tif']);
  assert.equal(await readFile(path.join(directory, 'labels.tif'), 'utf8'), 'new');
});

test('a folder that cannot be written is refused by its name', async () => {
  const directory = await temporary();
  await writeFile(path.join(directory, 'file'), '');
  await assert.rejects(OutputFolder.open(path.join(directory, 'file', 'out')), hasCode('FILE_UNWRITABLE', /out/));
  await mkdir(path.join(directory, 'labels.tif'));
  const folder = await OutputFolder.open(directory);
  await folder.write('labels.tif', 'new');
  await assert.rejects(folder.commit(), hasCode('FILE_UNWRITABLE', /labels\.tif/));
});

/** A disk of 1 MiB in memory; undefined where none may be mounted. */
async function mountTinyDisk(): Promise<string | undefined> {
  const directory = await temporaryFolder('disk');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'ignore' });
    return directory;
  } catch {
    return undefined;
  }
}

test('a disk that fills up leaves no half file, and what was there stays', async (t) => {
  const disk = await mountTinyDisk();
  if (disk === undefined) {
    t.skip('no small disk can be mounted here');
    return;
  }
  try {
    await writeFile(path.join(disk, 'labels.tif'), 'old');
    const folder = await OutputFolder.open(disk);
    // Noise, which cannot be compressed.
    let state = 1;
    const noise = Uint8Array.from({ length: 2048 * 1024 }, () => (state = (state * 48271) % 2147483647) & 0xff);
    await assert.rejects(writeLabels(folder, 'labels.tif', noise, 1024), hasCode('FILE_UNWRITABLE', /no space left/));
    await folder.discard();
    assert.deepEqual(await readdir(disk), ['labels.tif']);
    assert.equal(await readFile(path.join(disk, 'labels.tif'), 'utf8'), 'old');
  } finally {
    execFileSync('umount', ['--lazy', disk]);
  }
});

test('regions are traced counterclockwise with their holes, and small ones are left out', () => {
  const labels = Uint8Array.from(
    [
      [1, 1, 1, 0],
      [1, 2, 1, 0],
      [1, 1, 1, 2],
    ].flat(),
  );
  const [ring, , right] = [...traceRegions(labels, 4, 1)].sort((first, second) => second.pixels - first.pixels);
  assert.deepEqual(ring, {
    label: 1,
    pixels: 8,
    rings: [
      [0, 0, 0, 3, 3, 3, 3, 0],
      [1, 2, 1, 1, 2, 1, 2, 2],
    ],
  });
  assert.deepEqual(right, { label: 2, pixels: 1, rings: [[3, 2, 3, 3, 4, 3, 4, 2]] });
  assert.deepEqual(
    [...traceRegions(labels, 4, 2)].map(({ pixels }) => pixels),
    [8],
  );
});

test('pixels that touch by a corner are two regions, or one border with a hole that touches it', () => {
  const corner = [...traceRegions(Uint8Array.from([1, 0, 0, 1]), 2, 1)];
  assert.deepEqual(
    corner.map(({ rings }) => rings),
    [[[0, 0, 0, 1, 1, 1, 1, 0]], [[1, 1, 1, 2, 2, 2, 2, 1]]],
  );
  // The hole in the middle touches the outside at the upper right.
  const touching = Uint8Array.from([1, 1, 0, 1, 0, 1, 1, 1, 1]);
  const [region] = [...traceRegions(touching, 3, 1)];
  assert.equal(region!.pixels, 7);
  assert.deepEqual(
    region!.rings.map((ring) => ring.length),
    [12, 8],
  );
});

test('the area of a pixel is known where coordinates are lengths', async () => {
  const hectares = async (epsg: number | undefined, size: number): Promise<number | undefined> =>
    (await mapPlace([size, 0, 0, 0, -size, 0], epsg === undefined ? undefined : { epsg })).hectares;
  assert.equal(await hectares(32616, 20), 0.04);
  assert.ok(Math.abs((await hectares(2965, 100))! - 0.0929034116) < 1e-9, 'US survey feet');
  assert.equal(await hectares(4326, 0.001), undefined);
  assert.equal(await hectares(undefined, 20), undefined);
  assert.equal((await mapPlace([20, 3, 0, 3, -20, 0], { epsg: 32616 })).hectares, 0.0409);
});
