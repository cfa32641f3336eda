/** Small files with traits that users' files have (`tests/parity/make_cases.py`), each with the right value. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LabelClasses, readLabels, readNpy, validPixels, type LabelTarget } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { caseFile } from '../support/fixtures.js';
import { labelsFrom, readMap, readRaster } from '../support/rasters.js';

const array = (name: string) => readNpy(name, readFileSync(caseFile(name)));

test('pixels without data are told by the tag: -9999, 0, NaN and the lowest float alike', async () => {
  const whole = await readRaster(caseFile('nodata_none.tif'));
  assert.ok(validPixels(whole.values, whole.info).every((valid) => valid === 1));
  for (const name of ['nodata_m9999.tif', 'nodata_zero.tif', 'nodata_nan.tif', 'nodata_lowest_float.tif']) {
    const { info, values } = await readRaster(caseFile(name));
    const valid = validPixels(values, info);
    valid.forEach((isValid, pixel) => {
      const column = pixel % info.width;
      assert.equal(isValid, column < 8 ? 0 : 1, `${name}, column ${column}`);
      const place = pixel * info.bands;
      if (column >= 8) assert.equal(values[place], whole.values[place]);
    });
  }
});

test('pixels without data are told by the option where the file has no tag', async () => {
  const { info, values } = await readRaster(caseFile('bands_last.npy'), { nodata: -9999 });
  assert.equal(info.nodata, -9999);
  values.fill(-9999, 0, info.bands);
  assert.deepEqual([...validPixels(values, info).subarray(0, 2)], [0, 1]);
});

test('a big-endian TIFF with LZW and a predictor equals its array', async () => {
  const { values } = await readRaster(caseFile('big_endian_lzw_predictor2.tif'));
  assert.deepEqual(values, array('big_endian_expected.npy').values);
});

/** Row and column of labelled pixels by class. */
function placesOf(labels: Uint8Array, width: number): Map<number, string[]> {
  const places = new Map<number, string[]>();
  labels.forEach((label, pixel) => {
    if (label === 0) return;
    places.set(label, [...(places.get(label) ?? []), `${Math.floor(pixel / width)},${pixel % width}`]);
  });
  return places;
}

const square = [3, 4, 5, 6, 7].flatMap((row) => [5, 6, 7, 8, 9].map((column) => `${row},${column}`));

test('shapes lie on the same pixels by area and by point, in UTM and in longitude and latitude', async () => {
  for (const scene of ['pixel_is_area.tif', 'pixel_is_point.tif']) {
    const { info } = await readRaster(caseFile(scene));
    for (const shapes of ['utm.geojson', 'longitude_latitude.geojson', 'null_geometry.geojson']) {
      const { labels, warnings } = await labelsFrom(caseFile(shapes), info);
      assert.deepEqual(
        [...placesOf(labels, info.width)].sort(),
        [
          [1, square],
          [2, ['2,12']],
        ],
        `${shapes} on ${scene}`,
      );
      assert.equal(warnings.length, shapes.startsWith('null') ? 1 : 0);
    }
  }
});

test('a property of another name is taken when it is named, and named when it is not', async () => {
  const { info } = await readRaster(caseFile('pixel_is_area.tif'));
  const file = caseFile('property_named_otherwise.geojson');
  const { labels } = await labelsFrom(file, info, { labelProperty: 'Class_ID' });
  assert.deepEqual(placesOf(labels, info.width).get(1), square);
  await assert.rejects(labelsFrom(file, info), hasCode('LABELS_VALUES', /it has fid, Class_ID.*--label-property/));
});

test('a feature on no pixel is reported by its number', async () => {
  const { info } = await readRaster(caseFile('x_20_22.npy'));
  for (const name of ['outside.geojson', 'smaller_than_a_pixel.geojson']) {
    const { labels, warnings } = await labelsFrom(caseFile(name), info);
    assert.equal(placesOf(labels, 22).get(2)?.length, 9);
    assert.deepEqual(warnings, [`${name}: feature 1 is on no pixel of the scene`]);
  }
});

test('label values become classes whatever their type, separator, names or codes', async () => {
  const scene: LabelTarget = { height: 20, width: 24 };
  const expected = [...(await readMap(caseFile('labels_int64.npy')))];
  assert.equal(new Set(expected).size, 4);
  for (const name of ['labels_int64.npy', 'labels_semicolons.csv', 'labels_by_name.csv']) {
    const { labels, names } = await labelsFrom(caseFile(name), scene);
    assert.deepEqual([...labels], expected, name);
    assert.deepEqual(names, name.includes('name') ? ['grass', 'soil', 'roof'] : []);
  }
  const file = caseFile('labels_255_is_nodata_0_is_a_class.npy');
  const pairs = new LabelClasses({
    mapping: new Map([
      [0, 1],
      [1, 2],
      [2, 3],
    ]),
  });
  assert.deepEqual([...(await labelsFrom(file, scene, { nodata: 255 }, pairs)).labels], expected);
  const automatic = await labelsFrom(file, scene, { nodata: 255 }, new LabelClasses({ mapping: 'auto' }));
  assert.deepEqual([[...automatic.labels], automatic.codes], [expected, [0, 1, 2]]);
});

test('MATLAB files of all versions give a scene and its labels by path', async () => {
  const cube = (await readRaster(caseFile('cube.mat'))).values;
  const labels = [...(await readMap(caseFile('int64.mat')))];
  assert.equal(new Set(labels).size, 4);
  assert.deepEqual((await readRaster(caseFile('int64.mat'))).values, cube);
  assert.deepEqual((await readRaster(caseFile('struct.mat'), { variable: 'hsi.Data' })).values, cube);
  const options = { variable: 'hsi.groundTruth', content: 'labels' } as const;
  assert.deepEqual([...(await readRaster(caseFile('struct.mat'), options)).values], labels);
  const v73 = await readRaster(caseFile('v73.mat'));
  assert.deepEqual([v73.info.height, v73.info.width, v73.info.bands], [20, 20, 16]);
  assert.deepEqual(v73.values, cube);
  assert.deepEqual([...(await readMap(caseFile('v73.mat')))], labels);
});

test('a file of two label maps says so, and gives the one that is named', async () => {
  const file = caseFile('two_label_maps.mat');
  const scene = { height: 20, width: 20 };
  await assert.rejects(
    labelsFrom(file, scene),
    hasCode('VARIABLE_MISSING', /TR \[20, 20\] u1; TE \[20, 20\] u1.*Choose the variable/),
  );
  const classes = new LabelClasses();
  const { labels: train } = await readLabels(file, scene, classes, { variable: 'TR' });
  const { labels: test } = await readLabels(file, scene, classes, { variable: 'TE' });
  assert.ok(train.some((label) => label > 0) && test.some((label) => label > 0));
  assert.ok(train.every((label, pixel) => label === 0 || test[pixel] === 0));
});

test('bands first are turned when the user says so, and asked for when sizes do not tell', async () => {
  const last = await readRaster(caseFile('bands_last.npy'));
  const first = await readRaster(caseFile('bands_first.npy'), { axes: 'bands-first' });
  assert.deepEqual(first.values, last.values);
  const { values } = array('x_20_22.npy');
  const cubic = Buffer.from(
    "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (14, 14, 14), }".padEnd(127) + '\n',
    'latin1',
  );
  const bytes = Buffer.concat([cubic, Buffer.from(values.buffer, values.byteOffset, 14 ** 3 * 4)]);
  await assert.rejects(readRaster('cubic.npy', {}, bytes), hasCode('AXES_AMBIGUOUS', /Choose one of the two/));
});
