import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { before, test } from 'node:test';
import { makeWorkspace, type Workspace } from '../support/command.js';
import { npy, toyScene } from '../support/services.js';

const toy = toyScene();
const { height, width, bands } = toy;
const wavelengths = Array.from({ length: bands }, (_, band) => 400 + 40 * band);

let workspace: Workspace;
let succeed: Workspace['succeed'];

const pathOf = (name: string): string => path.join(workspace.directory, name);

/** Width and height of a PNG. */
async function sizeOf(name: string): Promise<[number, number]> {
  const png = await readFile(pathOf(name));
  assert.equal(png.subarray(1, 4).toString(), 'PNG');
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

before(async () => {
  workspace = await makeWorkspace();
  ({ succeed } = workspace);
  await writeFile(pathOf('wavelengths.csv'), `wavelength\n${wavelengths.join('\n')}\n`);
  const known = ['--wavelengths', 'wavelengths.csv', '--bad-bands', '7', '--scale', '0.0001'];
  await succeed('scenes', 'prepare', 'field.npy', '--labels', 'field-labels.npy', '--class', 'Soil#aa7744', ...known);
  await succeed('scenes', 'prepare', 'field.npy', '--name', 'plain');
});

test('a quicklook takes good bands by their wavelengths, and draws labels or a map over them', async () => {
  assert.match(
    await succeed('scenes', 'quicklook', 'field', '--out', 'true.png'),
    /true colour: 680 nm, 560 nm, 480 nm/,
  );
  assert.match(
    await succeed('scenes', 'quicklook', 'field', '--out', 'false.png', '--false-color'),
    /false colour: 840 nm, 680 nm, 560 nm/,
  );
  const [plainWidth, plainHeight] = await sizeOf('true.png');
  assert.ok(plainWidth >= 19 * width && plainHeight >= 19 * height, `${plainWidth} × ${plainHeight}`);
  assert.match(await succeed('scenes', 'quicklook', 'field', '--out', 'labels.png', '--labels'), /Drew labels\.png/);
  await succeed('scenes', 'quicklook', 'field', '--out', 'map.png', '--map', 'field-labels.npy');
  assert.deepEqual(await readFile(pathOf('map.png')), await readFile(pathOf('labels.png')));
  assert.ok((await sizeOf('labels.png'))[0] > plainWidth, 'it has a legend');
  assert.match(await succeed('scenes', 'quicklook', 'plain', '--out', 'plain.png'), /bands 12, 8, 4, spread over all/);
  assert.match(
    await succeed('scenes', 'quicklook', 'plain', '--out', 'plain.png', '--bands', '3,2,1'),
    /bands 3, 2, 1/,
  );
});

test('spectra are means and deviations of each class of what the pixels stand for', async () => {
  assert.match(await succeed('scenes', 'spectra', 'field', '--out', 'spectra'), /Soil +200\n/);
  const [header, ...rows] = (await readFile(pathOf('spectra/spectra.csv'), 'utf8')).trim().split('\n');
  assert.equal(header, 'class,pixels,band,wavelength_nm,mean,deviation');
  assert.equal(rows.length, 3 * bands);
  for (const label of [1, 2, 3]) {
    for (let band = 0; band < bands; band++) {
      const own = [...toy.labels].flatMap((found, pixel) =>
        found === label ? [toy.values[pixel * bands + band]! * 0.0001] : [],
      );
      const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
      const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length);
      const [, pixels, number, wavelength, ...found] = rows[(label - 1) * bands + band]!.split(',').map(Number);
      assert.deepEqual([pixels, number, wavelength], [own.length, band + 1, wavelengths[band]]);
      assert.ok(Math.abs(found[0]! - mean) < 1e-12 && Math.abs(found[1]! - deviation) < 1e-12);
    }
  }
  const svg = await readFile(pathOf('spectra/spectra.svg'), 'utf8');
  // Lines of three classes, broken at the bad band.
  assert.equal(svg.match(/<polyline/g)!.length, 6);
  assert.match(svg, /stroke="#aa7744"/);
  assert.match(svg, /wavelength in nm/);
});

test('a scene is shown with the variance of its components, and a histogram of the pixels with data', async () => {
  const shown = await succeed('scenes', 'show', 'field');
  assert.match(shown, / {2}1 +\d+\.\d\d %/);
  assert.match(shown, / {2}12 +\d+\.\d\d % +\d+\.\d\d %/);
  const { histogram } = JSON.parse(await succeed('--json', 'scenes', 'show', 'field', '--histogram')) as {
    histogram: { low: number; high: number; counts: number[]; rows: number };
  };
  assert.equal(histogram.rows, height);
  assert.equal(
    histogram.counts.reduce((sum, count) => sum + count, 0),
    height * width * (bands - 1),
  );
  const good = [...toy.values].filter((_, i) => i % bands !== 6);
  assert.ok(Math.abs(histogram.low - Math.min(...good) * 0.0001) < 1e-6);
  assert.ok(Math.abs(histogram.high - Math.max(...good) * 0.0001) < 1e-6);
  assert.match(
    await succeed('scenes', 'show', 'field', '--histogram'),
    /values of valid pixels in 24 rows:\n +0\.1\d+ +1\n/,
  );
});

test('what cannot be shown is refused with the reason', async () => {
  const refuse = async (...given: string[]): Promise<string> => {
    const { code, stderr } = await workspace.run('scenes', ...given);
    assert.equal(code, 1);
    return stderr;
  };
  assert.match(await refuse('quicklook', 'field', '--out', 'x.png', '--bands', '0,1,2'), /three bands from 1 to 16/);
  assert.match(await refuse('quicklook', 'plain', '--out', 'x.png', '--labels'), /plain has no label map/);
  assert.match(
    await refuse('spectra', 'field', '--out', 'x', '--labels', 'none'),
    /has no label map none; it has labels/,
  );
  await writeFile(pathOf('small.npy'), npy([2, 2], new Uint8Array(4)));
  assert.match(
    await refuse('quicklook', 'field', '--out', 'x.png', '--map', 'small.npy'),
    /small\.npy has 2 × 2 pixels, the scene 24 × 30/,
  );
  assert.match(
    await refuse('quicklook', 'field', '--out', 'x.png', '--map', 'small.npy', '--labels'),
    /either labels or a map/,
  );
});
