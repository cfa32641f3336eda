import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bytesInMemory, openRaster, type NumericArray, type ReadOptions } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { rasterFixture } from '../support/fixtures.js';
import { readRaster } from '../support/rasters.js';

/** Values that the reference library reads from a fixture: `tests/parity/write_raster_fixtures.py`. */
interface Reference {
  readonly file: string;
  readonly library: string;
  readonly shape: readonly [number, number, number];
  /** sha-256 of the values as float64, `[height, width, bands]`. */
  readonly digest: string;
  readonly sample: readonly number[];
  readonly options?: ReadOptions;
  readonly nodata?: string;
  readonly scale?: number;
  readonly offset?: number;
  readonly epsg?: number | null;
  readonly transform?: readonly number[];
  readonly wavelengths?: readonly number[];
  readonly fullWidths?: readonly number[];
  readonly goodBands?: readonly boolean[];
  readonly classNames?: readonly string[];
}

const references = JSON.parse(readFileSync(rasterFixture('rasters.json'), 'utf8')) as Reference[];

function digestOf(values: NumericArray): string {
  const numbers = Float64Array.from(values);
  return createHash('sha256').update(new Uint8Array(numbers.buffer)).digest('hex');
}

function close(actual: readonly number[] | undefined, wanted: readonly number[], what: string): void {
  assert.equal(actual?.length, wanted.length, what);
  wanted.forEach((value, i) => {
    assert.ok(
      Math.abs(actual![i]! - value) <= 1e-9 * Math.max(1, Math.abs(value)),
      `${what}: ${String(actual)}, not ${String(wanted)}`,
    );
  });
}

for (const reference of references) {
  const { file, library, options = {} } = reference;
  const what = [options.variable, options.axes].filter((option) => option !== undefined).join(' ');
  test(`${file} ${what} reads as ${library} reads it`.replace('  ', ' '), async () => {
    const { info, values } = await readRaster(rasterFixture(file), options);
    assert.deepEqual([info.height, info.width, info.bands], reference.shape);
    const place = (info.width + 2) * info.bands;
    assert.deepEqual([...values.subarray(place, place + Math.min(3, info.bands))], reference.sample);
    assert.equal(digestOf(values), reference.digest);
    if (reference.nodata !== undefined) assert.equal(info.nodata, Number(reference.nodata));
    if (reference.transform !== undefined) close(info.transform, reference.transform, 'transform');
    if (typeof reference.epsg === 'number') assert.equal(info.crs?.epsg, reference.epsg);
    if (reference.wavelengths !== undefined) close(info.wavelengths, reference.wavelengths, 'wavelengths');
    if (reference.fullWidths !== undefined) close(info.fullWidths, reference.fullWidths, 'full widths');
    if (reference.goodBands !== undefined) assert.deepEqual(info.goodBands, reference.goodBands);
    if (reference.scale !== undefined) close([info.scale ?? 1], [reference.scale], 'scale');
    if (reference.offset !== undefined) close([info.offset ?? 0], [reference.offset], 'offset');
    if (reference.classNames !== undefined) {
      assert.deepEqual(
        info.classes?.map(({ name }) => name),
        reference.classNames,
      );
    }
  });
}

test('a window and chosen bands are that part of the whole, in every format', async () => {
  const window = { row: 3, column: 4, height: 5, width: 6 };
  const bands = [4, 1];
  const chosen = references.filter(({ shape, options }) => shape[2] >= 5 && options?.content !== 'labels');
  assert.ok(chosen.length > 50);
  for (const { file, options } of chosen) {
    const whole = await readRaster(rasterFixture(file), options);
    const raster = await openRaster(rasterFixture(file), options);
    const some = await raster.readWindow(window, bands);
    const all = await raster.readWindow(window);
    await raster.close();
    for (let y = 0; y < window.height; y++) {
      for (let x = 0; x < window.width; x++) {
        const pixel = y * window.width + x;
        const start = ((window.row + y) * whole.info.width + window.column + x) * whole.info.bands;
        assert.deepEqual(
          [...some.subarray(pixel * 2, pixel * 2 + 2)],
          bands.map((band) => whole.values[start + band]),
          file,
        );
        assert.equal(all[pixel * whole.info.bands + 3], whole.values[start + 3], file);
      }
    }
  }
});

test('options take the place of what a file says', async () => {
  const { info } = await readRaster(rasterFixture('envi_uint8_bsq_0.img'), {
    nodata: 7,
    scale: 0.5,
    badBands: [1],
    wavelengths: { wavelengths: [1, 2, 3, 4, 5, 6] },
  });
  assert.deepEqual(
    [info.nodata, info.scale, info.goodBands, info.wavelengths],
    [7, 0.5, [false, true, false, true, true, false], [1, 2, 3, 4, 5, 6]],
  );
  const file = rasterFixture('npy_le_u2.npy');
  await assert.rejects(
    readRaster(file, { badBands: [7] }),
    hasCode('FIELD_INVALID', /--bad-bands: 7 is not one of the bands 1 to 6/),
  );
  await assert.rejects(
    readRaster(file, { wavelengths: { wavelengths: [1] } }),
    hasCode('FIELD_INVALID', /1 wavelengths.*6 bands/),
  );
});

test('an ENVI header without its data, data that is too short, and layouts that are not read are refused', async () => {
  const header = (more: string) =>
    Buffer.from(`ENVI\nsamples = 4\nlines = 3\nbands = 2\ndata type = 2\ninterleave = bsq\n${more}`);
  const open = (more: string, bytes: number, name = 'x.img') =>
    openRaster(
      bytesInMemory(
        name,
        new Uint8Array(bytes),
        new Map([
          ['x.hdr', header(more)],
          ['x.img', new Uint8Array(bytes)],
        ]),
      ),
    );
  await (await open('', 48)).close();
  await assert.rejects(open('', 47), hasCode('FILE_FORMAT', /claims 48 bytes, it has 47/));
  await assert.rejects(open('major frame offsets = {0, 8}', 48), hasCode('FILE_FORMAT', /major frame offsets/));
  await assert.rejects(open('file compression = 1', 48), hasCode('FILE_FORMAT', /compressed/));
  await assert.rejects(
    openRaster(bytesInMemory('y.hdr', header(''))),
    hasCode('FILE_FORMAT', /y or y\.img beside it; there is none/),
  );
});

test('an array whose axes can be taken in two ways asks which', async () => {
  const { info } = await readRaster(rasterFixture('npy_fortran.npy'));
  assert.deepEqual([info.height, info.bands], [11, 6]);
  await assert.rejects(
    readRaster(rasterFixture('npy_bands_first.npy')),
    hasCode('AXES_AMBIGUOUS', /11 × 13 pixels of 6 bands or 6 × 11 pixels of 13 bands/),
  );
});

test('a file of several arrays lists them with shapes and types', async () => {
  await assert.rejects(
    readRaster(rasterFixture('mat5_compressed.mat'), { variable: 'scene' }),
    hasCode(
      'VARIABLE_MISSING',
      /cube \[11, 13, 6\] u2; doubles \[11, 13\] f8.*cells \[1, 2\] cell; cells\{1\} \[11, 13, 6\] u2/,
    ),
  );
  await assert.rejects(readRaster(rasterFixture('mat5_plain.mat')), hasCode('VARIABLE_MISSING', /Choose the variable/));
});

test('a raster is the same from memory as from disk', async () => {
  const file = 'tiff_be_predictor3_float32.tif';
  const bytes = readFileSync(rasterFixture(file));
  const { values } = await readRaster(path.basename(file), {}, bytes);
  assert.deepEqual(values, (await readRaster(rasterFixture(file))).values);
});
