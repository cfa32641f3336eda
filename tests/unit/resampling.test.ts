import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  bytesInMemory,
  describeBands,
  haveSameBands,
  openRaster,
  resampleRaster,
  resamplingWeights,
  validPixels,
  writeNpy,
  type SensorBands,
} from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { fixture } from '../support/fixtures.js';

/** Written by `tests/parity/write_resampling_fixtures.py`. */
const reference = JSON.parse(readFileSync(fixture('resampling.json'), 'utf8')) as {
  readonly source: number[];
  readonly sourceWidths: number[];
  readonly target: number[];
  readonly targetWidths: number[];
  readonly spectra: number[][];
  readonly gaussian: number[][];
  readonly linear: number[][];
};
const source = { wavelengths: reference.source, fullWidths: reference.sourceWidths };
const target = { wavelengths: reference.target, fullWidths: reference.targetWidths };

function resample(spectrum: readonly number[], from: SensorBands, to: SensorBands): number[] {
  return resamplingWeights('file', from, to).map(({ bands, weights }) =>
    bands.reduce((sum, band, k) => sum + weights[k]! * spectrum[band]!, 0),
  );
}

function assertClose(found: readonly number[], wanted: readonly number[], relative: number): void {
  assert.equal(found.length, wanted.length);
  found.forEach((value, band) => {
    const difference = Math.abs(value - wanted[band]!);
    assert.ok(difference <= relative * Math.abs(wanted[band]!), `band ${band}: ${value}, not ${wanted[band]}`);
  });
}

test('spectra are resampled by Gaussian response as Spectral Python does, and linearly as NumPy does', () => {
  reference.spectra.forEach((spectrum, index) => {
    assertClose(resample(spectrum, source, target), reference.gaussian[index]!, 1e-9);
    const linear = { wavelengths: target.wavelengths };
    assertClose(resample(spectrum, source, linear), reference.linear[index]!, 1e-12);
    // The order of the source's bands plays no part.
    const turned = { wavelengths: [...source.wavelengths].reverse(), fullWidths: [...source.fullWidths].reverse() };
    assertClose(resample([...spectrum].reverse(), turned, target), reference.gaussian[index]!, 1e-9);
  });
});

test('bad bands of the source are passed over, and bands outside its range are refused', () => {
  const from = { wavelengths: [400, 500, 600], goodBands: [true, false, true] };
  assert.deepEqual(resample([1, 99, 3], from, { wavelengths: [500, 390] }), [2, 1]);
  assert.throws(
    () => resamplingWeights('a.img', from, { wavelengths: [500, 701] }),
    hasCode('FIELD_INVALID', /band 2 at 701 nm lies outside the file's bands, 400 to 600 nm \(a.img\)/),
  );
  const unused = { wavelengths: [500, 2000], goodBands: [true, false] };
  assert.deepEqual(resample([1, 99, 3], from, unused), [2, 3]);
});

test('a raster is resampled window by window, and its pixels without data stay without', async () => {
  const values = Float32Array.from([1, 2, 3, -1, -1, -1, 4, 6, 8, 10, 20, 30]);
  const bytes = writeNpy({ shape: [2, 2, 3], values });
  const options = {
    axes: 'bands-last',
    nodata: -1,
    wavelengths: { wavelengths: [400, 500, 600] },
  } as const;
  const raster = await openRaster(bytesInMemory('x.npy', bytes), options);
  const to = { wavelengths: [450, 550] };
  const resampled = resampleRaster('x.npy', raster, to);
  const window = { row: 0, column: 0, height: 2, width: 2 };
  const found = (await resampled.readWindow(window)) as Float32Array;
  assert.deepEqual([...found], [1.5, 2.5, Number.NaN, Number.NaN, 5, 7, 15, 25]);
  assert.deepEqual([...validPixels(found, resampled.info)], [1, 0, 1, 1]);
  assert.deepEqual([...(await resampled.readWindow(window, [1]))], [2.5, Number.NaN, 7, 25]);
  const unknown = await openRaster(bytesInMemory('y.npy', bytes), { axes: 'bands-last' });
  assert.throws(
    () => resampleRaster('y.npy', unknown, to),
    hasCode('FIELD_INVALID', /wavelengths of y.npy.*--wavelengths/),
  );
});

test('bands are the same within a nanometre, and unknown ones fit any', () => {
  assert.ok(haveSameBands([400, 500], [400.4, 499.5]));
  assert.ok(!haveSameBands([400, 500], [400, 501.5]));
  assert.ok(!haveSameBands([400, 500], [400]));
  assert.ok(haveSameBands([], [400]));
  const eight = Array.from({ length: 8 }, (_, band) => 400 + band / 3);
  assert.equal(describeBands(eight), '8 bands (400, 400.3, 400.7 … 401.7, 402, 402.3 nm)');
});
