/** Label files that the reference libraries wrote, and the pixels that GDAL burns of the same shapes. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { bytesInMemory, LabelClasses, readClassTable, readLabels, type LabelOptions } from '@hyperswap/raster';
import { hasCode } from '../support/errors.js';
import { labelFixture, rasterFixture } from '../support/fixtures.js';
import { labelsFrom, readMap } from '../support/rasters.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const expected = JSON.parse(readFileSync(labelFixture('labels.json'), 'utf8')) as Record<string, number[][]>;
const scene = {
  height: 20,
  width: 22,
  crs: { epsg: 32633 },
  transform: [30, 0, 500_000, 0, -30, 5_200_000],
} as const;
const pixels = { height: 4, width: 5 };
let folder: string;

before(async () => {
  folder = await temporaryFolder('labels');
});

async function file(name: string, text: string): Promise<string> {
  await writeFile(path.join(folder, name), text);
  return path.join(folder, name);
}

const text = (content: string, name = 'labels') => bytesInMemory(name, new TextEncoder().encode(content));
const grid = (labels: Uint8Array): string =>
  [0, 1, 2, 3].map((row) => [...labels.subarray(row * 5, row * 5 + 5)].join('')).join(' ');

for (const [name, rows] of Object.entries(expected)) {
  const isPicture = name.endsWith('.png');
  test(`${name} gives the pixels that ${isPicture ? 'its writer' : 'GDAL'} gives`, async () => {
    if (isPicture) {
      assert.deepEqual([...(await readMap(labelFixture(name)))], rows.flat());
      return;
    }
    const [found, layer] = name.split(':') as [string, string | undefined];
    const { labels, warnings } = await labelsFrom(labelFixture(found), scene, { variable: layer });
    assert.deepEqual([...labels], rows.flat());
    const outside = name.includes('points') ? [] : [`${found}: feature 4 is on no pixel of the scene`];
    assert.deepEqual(warnings, outside);
  });
}

test('a property of a Shapefile and of a GeoPackage names the classes, in the encoding that is told', async () => {
  for (const name of ['polygons.shp', 'longitude_latitude.shp', 'one_layer.gpkg']) {
    const { labels, names } = await labelsFrom(labelFixture(name), scene, { labelProperty: 'name' });
    assert.deepEqual(names, ['Wälder', 'Wiese', 'Acker'], name);
    assert.deepEqual([...labels], expected['polygons.shp']!.flat());
  }
});

test('a GeoPackage of several layers lists them', async () => {
  const open = (variable?: string) => labelsFrom(labelFixture('layers.gpkg'), scene, { variable });
  await assert.rejects(open(), hasCode('VARIABLE_MISSING', /points, polygons/));
  await assert.rejects(open('lines'), hasCode('VARIABLE_MISSING', /lines.*points, polygons/));
});

test('a Shapefile without its table, lines, and a colour picture are refused with what they are', async () => {
  const shp = new Uint8Array(await readFile(labelFixture('polygons.shp')));
  const alone = bytesInMemory('alone.shp', shp);
  await assert.rejects(labelsFrom(alone, scene), hasCode('LABELS_VALUES', /\.dbf beside it, which is not there/));
  const cut = bytesInMemory(
    'polygons.shp',
    shp.subarray(0, 500),
    new Map([['polygons.dbf', new Uint8Array(await readFile(labelFixture('polygons.dbf')))]]),
  );
  await assert.rejects(labelsFrom(cut, scene), hasCode('LABELS_VALUES', /feature 2 is cut off/));
  await assert.rejects(readMap(labelFixture('colours.png')), hasCode('FILE_FORMAT', /colour picture/));
});

test('a palette colours the classes, unless its colours do not tell them apart', async () => {
  const read = async (name: string): Promise<readonly unknown[]> => {
    const classes = new LabelClasses();
    const { labels } = await readLabels(labelFixture(name), { height: 20, width: 22 }, classes);
    return classes.finish([labels]).classes;
  };
  assert.deepEqual(await read('palette.png'), [
    { name: 'class 1', color: 0xff0000 },
    { name: 'class 2', color: 0x008000 },
    { name: 'class 3', color: 0x0000ff },
  ]);
  assert.deepEqual(await read('grey_8.png'), []);
});

test('binary regions of ENVI Classic are refused with the forms that are read', async () => {
  const binary = bytesInMemory(
    'fields.roi',
    Uint8Array.from({ length: 600 }, (_, i) => (i * 37) % 256),
  );
  await assert.rejects(
    readLabels(binary, pixels, new LabelClasses()),
    hasCode('FILE_FORMAT', /fields\.roi.*XML.*ASCII.*no published layout/),
  );
});

test('regions of ENVI are read from XML with their reference system, and from text in pixels from 1', async () => {
  const region = (name: string, color: string, system: string, body: string): string =>
    `<Region name="${name}" color="${color}"><GeometryDef><CoordSysStr>${system}</CoordSysStr>${body}</GeometryDef></Region>`;
  const ring = (kind: string, coordinates: string): string =>
    `<${kind}><LinearRing><Coordinates>\n${coordinates}\n</Coordinates></LinearRing></${kind}>`;
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<RegionsOfInterest version="1.1">${region(
    'Corn &amp; soy',
    '255,204,0',
    'none',
    `<Polygon>${ring('Exterior', '0 0 4 0 4 4 0 4 0 0')}${ring('Interior', '1 1 3 1 3 3 1 3 1 1')}</Polygon>`,
  )}${region('Water', '0,0,255', 'none', '<Point><Coordinates>4.5 3.5</Coordinates></Point>')}</RegionsOfInterest>`;
  const classes = new LabelClasses();
  const { labels } = await readLabels(text(xml, 'rois.xml'), pixels, classes);
  assert.equal(grid(labels), '11110 10010 10010 11112');
  assert.deepEqual(classes.finish([labels]).classes, [
    { name: 'Corn & soy', color: 0xffcc00 },
    { name: 'Water', color: 0x0000ff },
  ]);
  const list = `; ENVI Output of ROIs (5.6) [Thu Nov 26 2026]
; Number of ROIs: 2
; File Dimension: 5 x 4
;
; ROI name: Corn
; ROI rgb value: {255, 204, 0}
; ROI npts: 2
; ROI name: Water
; ROI rgb value: {0, 0, 255}
; ROI npts: 1
;   ID    X    Y     B1
    1     1    1    0.5
    2     5    1    0.5

    1     3    4    0.1
`;
  const found = await labelsFrom(text(list, 'rois.txt'), pixels);
  assert.deepEqual([grid(found.labels), found.names], ['10001 00000 00000 00200', ['Corn', 'Water']]);
  await assert.rejects(
    labelsFrom(text(list.replace('npts: 1', 'npts: 7')), pixels),
    hasCode('LABELS_VALUES', /claim 9 pixels, it lists 3/),
  );
});

test('regions of ENVI in the coordinates of another reference system lie where they belong', async () => {
  const wkt = await readFile(labelFixture('longitude_latitude.prj'), 'utf8');
  const system = wkt.replaceAll('"', '&quot;');
  // Row 0, column 0 of the scene is 500,015 m east and 5,199,985 m north in UTM zone 33: 15.0002, 46.9533.
  const xml = `<RegionsOfInterest><Region name="a" color="1,2,3"><GeometryDef><CoordSysStr>${system}</CoordSysStr>
    <Point><Coordinates>15.00019 46.95333</Coordinates></Point></GeometryDef></Region></RegionsOfInterest>`;
  const { labels } = await labelsFrom(text(xml), scene);
  assert.deepEqual(
    [...labels.keys()].filter((pixel) => labels[pixel] !== 0),
    [0],
  );
});

test('a table of classes names codes: a QGIS style, an ENVI header or text, alike', async () => {
  const qml = await file(
    'style.qml',
    `<!DOCTYPE qgis><qgis><pipe><rasterrenderer type="paletted" band="1"><colorPalette>
      <paletteEntry value="11" color="#0000ff" alpha="255" label="Water"/>
      <paletteEntry label="Wald &amp; Wiese" color="#008000" value="41" alpha="255"/>
    </colorPalette></rasterrenderer></pipe></qgis>`,
  );
  const csv = await file('classes.csv', 'Code;Name;Colour\n11;Water;#0000FF\n41;"Wald & Wiese";#008000\n');
  const rgb = await file('classes.txt', 'value,label,red,green,blue\n11,Water,0,0,255\n41,Wald & Wiese,0,128,0\n');
  const wanted = [
    { value: 11, name: 'Water', color: 0x0000ff },
    { value: 41, name: 'Wald & Wiese', color: 0x008000 },
  ];
  for (const table of [qml, csv, rgb]) assert.deepEqual(await readClassTable(table), wanted, table);
  const envi = await readClassTable(rasterFixture('envi_classes.hdr'));
  assert.ok(envi.length > 1 && envi.every(({ name, color }) => name !== undefined && color !== undefined));
  const bad = await file('bad.csv', 'value,name\nx,Water\n');
  await assert.rejects(readClassTable(bad), hasCode('FILE_FORMAT', /line 2 has the value x/));
  await assert.rejects(readClassTable(await file('none.csv', 'a,b\n1,2\n')), hasCode('FILE_FORMAT', /value and name/));

  const named = [
    { name: 'Water', color: 0x0000ff },
    { name: 'Wald & Wiese', color: 0x008000 },
  ];
  const coded = named.map((found, index) => ({ ...found, code: [11, 41][index] }));
  const codes = 'row,column,label\n0,0,11\n0,1,41\n';
  const options: LabelOptions = {};
  const pairs = new Map([
    [11, 1],
    [41, 2],
  ]);
  for (const mapping of ['auto', pairs] as const) {
    const classes = new LabelClasses({ table: wanted, mapping });
    const { labels } = await readLabels(text(codes), pixels, classes, options);
    assert.deepEqual(classes.finish([labels]).classes, mapping === 'auto' ? coded : named);
    assert.equal(grid(labels), '12000 00000 00000 00000');
  }
  // Names in a label file are those of the table.
  const classes = new LabelClasses({ table: wanted, mapping: 'auto' });
  const { labels } = await readLabels(text('row,column,label\n0,1,Wald & Wiese\n0,0,Water\n'), pixels, classes);
  assert.deepEqual([classes.finish([labels]).classes, grid(labels)], [coded, '12000 00000 00000 00000']);
});
