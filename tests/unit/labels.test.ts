import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bytesInMemory,
  LabelClasses,
  readLabels,
  writeNpy,
  type LabelOptions,
  type LabelTarget,
} from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { labelsFrom } from '../support/rasters.js';

const scene = { height: 4, width: 5 };
const source = (text: string) => bytesInMemory('labels', new TextEncoder().encode(text));
const read = async (text: string, target: LabelTarget = scene, options: LabelOptions = {}): Promise<Uint8Array> =>
  (await labelsFrom(source(text), target, options, new LabelClasses({ names: ['Soil', 'Grass'] }))).labels;
const map = (labels: Uint8Array): string =>
  [0, 1, 2, 3].map((row) => [...labels.subarray(row * 5, row * 5 + 5)].join('')).join(' ');
const collection = (...features: [unknown, object | null][]): string =>
  JSON.stringify({
    type: 'FeatureCollection',
    features: features.map(([label, geometry]) => ({ type: 'Feature', properties: { label }, geometry })),
  });
const square = (x: number, y: number, side: number): number[][] => [
  [x, y],
  [x + side, y],
  [x + side, y + side],
  [x, y + side],
  [x, y],
];
const polygon = (...rings: number[][][]) => ({ type: 'Polygon', coordinates: rings });
const utm = { crs: { epsg: 32633 }, transform: [10, 0, 500_000, 0, -10, 5_200_000] } as const;

test('a table of pixels is read in any order of its columns, with any usual separator and line ending', async () => {
  for (const separator of [',', ';', '\t', '|', ' ']) {
    const table = 'Label,ROW,Col\n2,0,4\n1,3,0\n\n'.replaceAll(',', separator);
    assert.equal(map(await read(table)), '00002 00000 00000 10000');
    assert.equal(map(await read(table.replaceAll('\n', '\r\n'))), '00002 00000 00000 10000');
  }
});

test('a table names its classes, and other columns do no harm', async () => {
  const { labels, names } = await labelsFrom(source('id;row;col;class\n7;0;0;roof\n8;0;1;soil\n9;1;0;roof'), scene);
  assert.equal(map(labels), '12000 10000 00000 00000');
  assert.deepEqual(names, ['roof', 'soil']);
  const chosen = await read('row,col,class,mine\n0,0,9,2', scene, { labelProperty: 'mine' });
  assert.equal(map(chosen), '20000 00000 00000 00000');
});

test('a table that names pixels outside, no number, or a pixel twice is refused by its line', async () => {
  const lines: [string, RegExp][] = [
    ['4,0,1', /line 2 has row 4, column 0, outside the scene of 4 × 5/],
    ['0,,1', /line 2 has row 0, column NaN/],
    ['0,0,300', /line 2 has the label 300/],
    ['0,0,Water', /line 2 has the label Water/],
    ['0,0,1\n0,0,2', /line 3 labels row 0, column 0 a second time/],
  ];
  for (const [line, message] of lines) {
    await assert.rejects(read(`row,column,label\n${line}`), hasCode('LABELS_VALUES', message));
  }
  await assert.rejects(read('row,column,kind\n0,0,1'), hasCode('LABELS_VALUES', /no column label.*row, column, kind/));
});

test('polygons take the pixels whose centre they hold as GDAL does, holes left out, and points their pixel', async () => {
  const shapes = collection(
    [1, polygon(square(0, 0, 4), square(1, 1, 2))],
    ['Grass', { type: 'MultiPoint', coordinates: [[4.2, 3.9]] }],
  );
  assert.equal(map(await read(shapes)), '11110 10010 10010 11112');
  // Centres on an edge: rasterio.features.rasterize gave these.
  const triangle = polygon([
    [0, 0],
    [4, 0],
    [0, 4],
    [0, 0],
  ]);
  assert.equal(map(await read(collection([1, triangle]))), '11110 11100 11000 10000');
  assert.equal(map(await read(collection([1, polygon(square(0.5, 0.5, 3))]))), '01110 01110 01110 00000');
  const overlapping = { type: 'MultiPolygon', coordinates: [[square(0, 0, 3)], [square(1, 1, 3)]] };
  assert.equal(map(await read(collection([1, overlapping]))), '11100 11110 11110 01110');
});

test('shapes in the scene’s coordinates are placed by its transform, turned ones too', async () => {
  const shapes = collection([2, polygon(square(500_010, 5_199_970, 20))]);
  assert.equal(map(await read(shapes, { ...scene, ...utm })), '00000 02200 02200 00000');
  // Columns run south, rows east.
  const turned = { crs: utm.crs, transform: [0, 10, 500_000, -10, 0, 5_200_000] } as const;
  const bar = collection([
    1,
    polygon([
      [500_000, 5_199_980],
      [500_010, 5_199_980],
      [500_010, 5_200_000],
      [500_000, 5_200_000],
      [500_000, 5_199_980],
    ]),
  ]);
  assert.equal(map(await read(bar, { ...scene, ...turned })), '11000 00000 00000 00000');
});

test('longitude and latitude become the scene’s coordinates, by RFC 7946 or by a crs member', async () => {
  // 500,005 m east and 5,199,995 m north in UTM zone 33, by PROJ.
  const point = { type: 'Point', coordinates: [15.0000657, 46.9534842] };
  assert.equal(map(await read(collection([1, point]), { ...scene, ...utm })), '10000 00000 00000 00000');
  const named = {
    ...(JSON.parse(collection([2, { type: 'Point', coordinates: [500_015, 5_199_995] }])) as object),
    crs: { type: 'name', properties: { name: 'urn:ogc:def:crs:EPSG::32633' } },
  };
  assert.equal(map(await read(JSON.stringify(named), { ...scene, ...utm })), '02000 00000 00000 00000');
  await assert.rejects(read(JSON.stringify(named)), hasCode('LABELS_VALUES', /EPSG:32633.*no georeference/));
  const unknown = JSON.stringify(named).replace('32633', '999999');
  await assert.rejects(read(unknown, { ...scene, ...utm }), hasCode('CRS_UNKNOWN', /EPSG:999999/));
  const pixel = collection([1, { type: 'Point', coordinates: [4, 3] }]);
  assert.equal(map(await read(pixel, { ...scene, ...utm }, { shapesCrs: 'pixels' })), '00000 00000 00000 00001');
  await assert.rejects(
    read(pixel, { ...scene, ...utm }),
    hasCode('LABELS_VALUES', /longitude and latitude.*--labels-crs/),
  );
});

test('features without a geometry, and on no pixel, are reported by number', async () => {
  const shapes = collection(
    [1, { type: 'Point', coordinates: [0, 0] }],
    [1, null],
    [2, polygon(square(0.6, 0.6, 0.3))],
    [2, { type: 'Point', coordinates: [90, 1] }],
  );
  const { labels, warnings } = await labelsFrom(source(shapes), scene);
  assert.equal(map(labels), '10000 00000 00000 00000');
  assert.deepEqual(warnings, [
    'labels: feature 2 is without a geometry: skipped',
    'labels: features 3, 4 are on no pixel of the scene',
  ]);
});

test('GeoJSON that names no class, or is none, is refused by its feature', async () => {
  const point = { type: 'Point', coordinates: [1, 1] };
  const values = (pattern: RegExp) => hasCode('LABELS_VALUES', pattern);
  await assert.rejects(read(collection([1, point], ['Water', point])), values(/feature 2 has the class Water/));
  await assert.rejects(read(collection([undefined, point])), values(/feature 1 has no property.*--label-property/));
  await assert.rejects(
    read(collection([1, { type: 'Point', coordinates: ['x', 1] }])),
    values(/feature 1 has a position/),
  );
  await assert.rejects(read(collection([1, { type: 'LineString', coordinates: [[0, 0]] }])), values(/is a LineString/));
  await assert.rejects(read('{"type": "Topology"}'), values(/no FeatureCollection/));
  await assert.rejects(read('{'), values(/not JSON/));
});

test('codes become classes by a mapping, or in their order, alike in all label files of a scene', async () => {
  const raster = (...values: number[]) =>
    bytesInMemory('codes.npy', writeNpy({ shape: [1, 5], values: Int32Array.from(values) }));
  const row = { height: 1, width: 5 };
  const mapped = new LabelClasses({
    mapping: new Map([
      [11, 1],
      [41, 2],
    ]),
  });
  const { labels } = await readLabels(raster(11, 41, 0, 52, 11), row, mapped);
  assert.deepEqual([...labels], [1, 2, 0, 0, 1]);
  assert.deepEqual(mapped.finish([labels]).unmapped, [52]);

  const automatic = new LabelClasses({ mapping: 'auto' });
  const first = await readLabels(raster(41, 0, 41, 95, 0), row, automatic);
  const second = await readLabels(raster(11, 0, 95, 0, 0), row, automatic);
  const { classes } = automatic.finish([first.labels, second.labels]);
  assert.deepEqual(
    [classes.map(({ code }) => code), classes.map(({ name }) => name)],
    [
      [11, 41, 95],
      ['11', '41', '95'],
    ],
  );
  assert.deepEqual(
    [[...first.labels], [...second.labels]],
    [
      [2, 0, 2, 3, 0],
      [1, 0, 3, 0, 0],
    ],
  );

  const withZero = await labelsFrom(
    raster(0, 1, 255, 2, 0),
    row,
    { nodata: 255 },
    new LabelClasses({ mapping: 'auto' }),
  );
  assert.deepEqual(
    [[...withZero.labels], withZero.codes],
    [
      [1, 2, 0, 3, 1],
      [0, 1, 2],
    ],
  );
  await assert.rejects(
    labelsFrom(raster(0, 1, 300, 2, 0), row),
    hasCode('LABELS_VALUES', /value 300, at row 0, column 2.*--map-classes/),
  );
});
