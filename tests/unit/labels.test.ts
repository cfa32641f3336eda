import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLabels } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';

const scene = { height: 4, width: 5 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (text: string, target: Parameters<typeof readLabels>[3] = scene): Promise<Uint8Array> =>
  readLabels('labels', bytes(text), undefined, target, ['Soil', 'Grass']);
const map = (labels: Uint8Array): string =>
  [0, 1, 2, 3].map((row) => [...labels.subarray(row * 5, row * 5 + 5)].join('')).join(' ');
const collection = (...features: [unknown, object][]): string =>
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

test('a table of pixels is read in any order of its columns', async () => {
  assert.equal(map(await read('label,row,column\n2,0,4\n1,3,0\n\n')), '00002 00000 00000 10000');
});

test('a table that names pixels outside, no number, or a pixel twice is refused by its line', async () => {
  const lines: [string, RegExp][] = [
    ['4,0,1', /line 2 has row 4, column 0, outside the scene of 4 × 5/],
    ['0,,1', /line 2 has row 0, column NaN/],
    ['0,0,300', /line 2 has the label 300/],
    ['0,0,1\n0,0,2', /line 3 labels row 0, column 0 a second time/],
  ];
  for (const [line, message] of lines) {
    await assert.rejects(read(`row,column,label\n${line}`), hasCode('LABELS_VALUES', message));
  }
});

test('polygons take the pixels whose middle they hold, holes left out, and points their pixel', async () => {
  const shapes = collection(
    [1, { type: 'Polygon', coordinates: [square(0, 0, 4), square(1, 1, 2)] }],
    ['Grass', { type: 'MultiPoint', coordinates: [[4.2, 3.9]] }],
  );
  assert.equal(map(await read(shapes)), '11110 10010 10010 11112');
  const triangle = collection([
    1,
    {
      type: 'Polygon',
      coordinates: [
        [
          [0, 0],
          [4, 0],
          [0, 4],
          [0, 0],
        ],
      ],
    },
  ]);
  assert.equal(map(await read(triangle)), '11100 11000 10000 00000');
});

test('shapes in the scene’s coordinates are placed by its geo-reference', async () => {
  const geoTransform = { originX: 1000, originY: 500, pixelWidth: 10, pixelHeight: -10 };
  const shapes = collection([
    2,
    {
      type: 'Polygon',
      coordinates: [
        [
          [1010, 490],
          [1030, 490],
          [1030, 470],
          [1010, 470],
          [1010, 490],
        ],
      ],
    },
  ]);
  assert.equal(map(await read(shapes, { ...scene, geoTransform })), '00000 02200 02200 00000');
});

test('GeoJSON that names no class, or a point outside, is refused by its feature', async () => {
  const point = (x: number) => ({ type: 'Point', coordinates: [x, 1] });
  await assert.rejects(
    read(collection([1, point(1)], ['Water', point(1)])),
    hasCode('LABELS_VALUES', /feature 2 has no/),
  );
  await assert.rejects(read(collection([1, point(9)])), hasCode('LABELS_VALUES', /feature 1 has a point outside/));
  await assert.rejects(read('{"type": "Feature"}'), hasCode('LABELS_VALUES', /no FeatureCollection/));
  await assert.rejects(read('{'), hasCode('LABELS_VALUES', /not JSON/));
});
