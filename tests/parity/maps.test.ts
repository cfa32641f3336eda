import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { mapItem, mapPlace, mapPolygons, polygonsGeoJson } from '@hyperswap/map';
import {
  auxXml,
  classValues,
  CogWriter,
  describeCrs,
  enviClassificationHeader,
  OutputFolder,
  writeGeoPackage,
  writeShapefile,
  type AffineTransform,
  type Crs,
} from '@hyperswap/raster';
import { Random } from '@hyperswap/random';
import { checkMaps, mapTools, type FoundMap } from '../support/check-maps.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** WKT of EPSG:32616. */
const { wkt: utm } = await describeCrs({ epsg: 32616 });
/** The same without any code, as files of other programs have it. */
const codeless = utm!.replaceAll(/,AUTHORITY\["EPSG","\d+"\]/g, '');

const classes = [
  { name: 'Corn & "maize" <1>', color: 0xff0000 },
  { name: 'Woods', color: 0x00aa00 },
  { name: 'Wasser ü', color: 0x0000ff },
];

interface Case {
  readonly height: number;
  readonly width: number;
  readonly crs?: Crs;
  readonly transform?: AffineTransform;
  readonly isBig?: boolean;
  /** Values of the classes in the label files that they come from. */
  readonly codes?: readonly [number, number, number];
}

const north: AffineTransform = [20, 0, 500_000, 0, -20, 4_480_000];
const cases: Readonly<Record<string, Case>> = {
  utm: { height: 520, width: 200, crs: { epsg: 32616 }, transform: north },
  degrees: { height: 40, width: 30, crs: { epsg: 4326 }, transform: [0.001, 0, 10, 0, -0.002, 50] },
  feet: { height: 40, width: 30, crs: { epsg: 2965 }, transform: [60, 0, 328_000, 0, -60, 820_000] },
  rotated: { height: 60, width: 50, crs: { epsg: 32616 }, transform: [19, 3, 500_000, 3, -19, 4_480_000] },
  'south-up': { height: 60, width: 50, crs: { epsg: 32616 }, transform: [20, 0, 500_000, 0, 20, 4_480_000] },
  coded: { height: 20, width: 30, crs: { wkt: utm! }, transform: north },
  codeless: { height: 20, width: 30, crs: { wkt: codeless }, transform: north },
  nowhere: { height: 1, width: 600 },
  coded8: { height: 300, width: 30, crs: { epsg: 32616 }, transform: north, codes: [41, 0, 255] },
  coded16: { height: 300, width: 30, crs: { epsg: 32616 }, transform: north, codes: [523, 11, 1] },
  big: { height: 300, width: 300, crs: { epsg: 32616 }, transform: north, isBig: true },
};

/** Patches of classes with single pixels between them, 0 among them. */
function patchyLabels(height: number, width: number): Uint8Array {
  const random = new Random(height * width);
  return Uint8Array.from({ length: height * width }, (_, pixel) => {
    const patch = (Math.floor(pixel / width / 7) + Math.floor((pixel % width) / 5)) % 4;
    return random.uniform() < 0.1 ? Math.floor(4 * random.uniform()) : patch;
  });
}

async function writeCase(
  directory: string,
  { height, width, crs, transform, isBig, codes }: Case,
  labels: Uint8Array,
): Promise<void> {
  const folder = await OutputFolder.open(directory);
  const common = { height, width, crs, transform, isBig: isBig ?? false, facts: { SCENE: 'a & b' } };
  const palette = classes.map(({ color }) => color);
  const values = classValues(classes.map((_, index) => ({ code: codes?.[index] })));
  const { nodata } = values;
  const valued = classes.map((found, index) => ({ ...found, value: values.values[index]! }));
  const map = await CogWriter.create(folder, 'labels.tif', {
    ...{ ...common, palette, values, overviews: 'mode', descriptions: ['land cover'] },
  });
  await map.append(labels);
  await map.finish();
  const probabilities = await CogWriter.create(folder, 'probabilities.tif', {
    ...{ ...common, scale: 1 / 255, overviews: 'mean', descriptions: classes.map(({ name }) => name) },
  });
  const shares = Uint8Array.from({ length: labels.length * 3 }, (_, i) =>
    labels[Math.floor(i / 3)] === 0 ? 0 : i % 251,
  );
  await probabilities.append(shares);
  await probabilities.finish();
  const description = crs && (await describeCrs(crs));
  await folder.write('labels.tif.aux.xml', auxXml({ classes: valued, nodata, pixels: [1, 2, 3], crs: description }));
  await folder.write('classification.dat', labels);
  const header = { description: 'a map', height, width, classes: valued, crs: description, transform };
  await folder.write('classification.hdr', enviClassificationHeader(header));
  const place = transform && (await mapPlace(transform, crs));
  const files = ['labels.tif', 'labels.tif.aux.xml', 'probabilities.tif'];
  const item = { id: 'a', title: 'A map', made: new Date(), height, width, place, lineage: 'by hand', files };
  const facts = { classes: valued, values, software: { hyperswap: '1' } };
  await folder.write('item.json', JSON.stringify(mapItem({ ...item, ...facts })));
  if (place?.toLongitudeLatitude !== undefined) {
    const { toLongitudeLatitude, hectares } = place;
    const options = { labels, width, classes: valued, minimumPixels: 1, transform: place.transform, hectares };
    const polygons = () => mapPolygons(options);
    const layer = { polygons, crs: place.description, hasHectares: hectares !== undefined };
    await folder.write('polygons.geojson', [...polygonsGeoJson(polygons(), toLongitudeLatitude)].join(''));
    await folder.writeBy('polygons.gpkg', (file) => writeGeoPackage(file, layer));
    const [shp, shx, dbf] = [
      await folder.create('polygons.shp'),
      await folder.create('polygons.shx'),
      await folder.create('polygons.dbf'),
    ];
    await writeShapefile({ shp, shx, dbf }, layer);
    await folder.write('polygons.cpg', 'UTF-8');
    await folder.write('polygons.prj', place.description!.wkt!);
  }
  await folder.commit();
}

/** Most frequent label of each 2 × 2 pixels, without 0; of equal ones the first. */
function halve(values: readonly (readonly number[])[]): number[][] {
  const [height, width] = [values.length, values[0]!.length];
  return Array.from({ length: Math.ceil(height / 2) }, (_, y) =>
    Array.from({ length: Math.ceil(width / 2) }, (__, x) => {
      const square = [0, 1].flatMap((dy) =>
        [0, 1].map((dx) => values[Math.min(2 * y + dy, height - 1)]![Math.min(2 * x + dx, width - 1)]!),
      );
      const counts = new Map<number, number>();
      for (const value of square) if (value > 0) counts.set(value, (counts.get(value) ?? 0) + 1);
      const most = Math.max(0, ...counts.values());
      return [...counts].find(([, count]) => count === most)?.[0] ?? 0;
    }),
  );
}

describe(
  'the files of a map, read by GDAL and the tools around it',
  { skip: typeof mapTools === 'string' ? mapTools : false },
  () => {
    const found = new Map<string, FoundMap>();
    const labels = new Map<string, Uint8Array>();
    let directory: string;

    before(async () => {
      directory = await temporaryFolder('maps');
      for (const [name, given] of Object.entries(cases)) {
        labels.set(name, patchyLabels(given.height, given.width));
        await writeCase(path.join(directory, name), given, labels.get(name)!);
      }
      const names = Object.keys(cases);
      const read = await checkMaps(...names.map((name) => path.join(directory, name)));
      names.forEach((name, index) => found.set(name, read[index]!));
    });

    test('rio cogeo accepts every GeoTIFF without a warning', () => {
      for (const [name, { rasters }] of found) {
        for (const file of ['labels.tif', 'probabilities.tif']) {
          assert.deepEqual(rasters[file]!.cog, { valid: true, errors: [], warnings: [] }, `${name}/${file}`);
        }
      }
    });

    test('GDAL reads the codes of classes that have some, with their colours and names, also beyond 255', () => {
      for (const name of ['coded8', 'coded16']) {
        const raster = found.get(name)!.rasters['labels.tif']!;
        const codes = cases[name]!.codes!;
        const nodata = name === 'coded8' ? 254 : 0;
        const wanted = [...labels.get(name)!].map((label) => (label === 0 ? nodata : codes[label - 1]!));
        assert.deepEqual(raster.values.flat(2), wanted);
        assert.deepEqual([raster.nodata, raster.types], [nodata, [name === 'coded8' ? 'uint8' : 'uint16']]);
        assert.ok(raster.overviews[0]!.flat(2).every((value) => value === nodata || codes.includes(value)));
        assert.deepEqual(raster.cog, { valid: true, errors: [], warnings: [] });
        assert.equal(raster.categories[nodata], 'no data');
        codes.forEach((code, index) => {
          const { color, name: named } = classes[index]!;
          assert.equal(raster.categories[code], named);
          const channels = [(color >> 16) & 255, (color >> 8) & 255, color & 255];
          assert.deepEqual(raster.colors![code], [...channels, 255]);
          assert.ok(
            raster.attributes.some(([value, title, ...rest]) => {
              return value === code && title === named && rest.slice(0, 3).join() === channels.join();
            }),
            JSON.stringify(raster.attributes),
          );
        });
      }
    });

    test('GDAL reads the labels, their colours, class names and nodata, and overviews of the most frequent class', () => {
      for (const [name, { rasters }] of found) {
        if (cases[name]!.codes !== undefined) continue;
        const raster = rasters['labels.tif']!;
        assert.deepEqual(raster.values.flat(2), [...labels.get(name)!], name);
        assert.deepEqual(raster.categories, ['no data', ...classes.map((one) => one.name)]);
        assert.deepEqual(raster.colors!.slice(1, 4), [
          [255, 0, 0, 255],
          [0, 170, 0, 255],
          [0, 0, 255, 255],
        ]);
        assert.equal(raster.nodata, 0);
        assert.equal(raster.tags.SCENE, 'a & b');
        let finer = raster.values[0]!;
        for (const [overview] of raster.overviews) {
          finer = halve(finer);
          assert.deepEqual(overview, finer, name);
        }
      }
      assert.equal(found.get('utm')!.rasters['labels.tif']!.overviews.length, 2);
    });

    test('GDAL reads probabilities with one named band a class', () => {
      for (const { rasters } of found.values()) {
        const { types, descriptions, scales, nodata } = rasters['probabilities.tif']!;
        assert.deepEqual(types, ['uint8', 'uint8', 'uint8']);
        assert.deepEqual(
          descriptions,
          classes.map(({ name }) => name),
        );
        assert.deepEqual(scales, [1 / 255, 1 / 255, 1 / 255]);
        assert.equal(nodata, null);
      }
    });

    test('GDAL finds every map in its place: by EPSG code, by WKT, in degrees and feet, rotated and with rows that go up', () => {
      for (const [name, { crs, transform }] of Object.entries(cases)) {
        for (const file of ['labels.tif', 'probabilities.tif']) {
          const raster = found.get(name)!.rasters[file]!;
          assert.deepEqual(raster.transform, transform ?? [1, 0, 0, 0, 1, 0], name);
          if (name === 'codeless') {
            assert.deepEqual([raster.crs!.proj, raster.crs!.zone], ['utm', 16]);
          } else assert.equal(raster.epsg, crs === undefined ? null : (crs.epsg ?? 32616), name);
        }
      }
    });

    test('GDAL reads the ENVI classification with its names, colours and place', () => {
      for (const [name, { rasters }] of found) {
        const { driver, values, categories, colors, nodata, transform } = rasters['classification.dat']!;
        assert.equal(driver, 'ENVI');
        assert.deepEqual(values.flat(2), [...labels.get(name)!]);
        assert.deepEqual(categories, ['Unclassified', ...classes.map((one) => one.name)]);
        assert.deepEqual(colors![1], [255, 0, 0, 255]);
        assert.equal(nodata, 0);
        // ENVI's headers know no rows that go up.
        const wanted = name === 'south-up' ? undefined : cases[name]!.transform;
        (wanted ?? [1, 0, 0, 0, 1, 0]).forEach((value, index) => {
          assert.ok(Math.abs(transform[index]! - value) < 1e-6, `${name}: ${transform.join(', ')}`);
        });
      }
      assert.equal(found.get('utm')!.rasters['classification.dat']!.epsg, 32616);
      assert.equal(found.get('feet')!.rasters['classification.dat']!.crs!.units, 'us-ft');
    });

    test('pystac finds the STAC item valid, with its extensions', () => {
      for (const [name, { schemas }] of found) {
        const extensions = ['classification/v1.1.0', 'processing/v1.2.0'];
        if (cases[name]!.transform !== undefined) extensions.push('projection/v2.0.0');
        for (const extension of ['v1.1.0/item-spec', ...extensions]) {
          assert.ok(
            schemas!.some((schema) => schema.includes(extension)),
            `${name}: ${extension}`,
          );
        }
      }
    });

    test('polygons that GDAL burns into the raster give the labels back', () => {
      for (const [name, { polygons }] of found) {
        if (name === 'nowhere' || cases[name]!.codes !== undefined) continue;
        assert.deepEqual(polygons!.values.flat(), [...labels.get(name)!], name);
        assert.equal(polygons!.valid, true, name);
        assert.equal(polygons!.counterclockwise, true, name);
      }
      assert.ok(found.get('utm')!.polygons!.holes > 100);
    });

    test('polygons in a GeoPackage or Shapefile lie in the system of the map, and give the labels back', () => {
      for (const [name, { layers }] of found) {
        if (name === 'nowhere') {
          assert.deepEqual(layers, {});
          continue;
        }
        const { transform, codes, height, width } = cases[name]!;
        const written = [...labels.get(name)!].map((label) => (label > 0 && codes ? codes[label - 1]! : label));
        for (const file of ['polygons.gpkg', 'polygons.shp']) {
          const layer = layers[file]!;
          assert.equal(layer.valid, true, `${name} ${file}`);
          if (name !== 'coded8') assert.deepEqual(layer.values.flat(), written, `${name} ${file}`);
          assert.ok(layer.sameCrs, `${name} ${file}: ${layer.epsg}`);
          const [a, b, , d, e] = transform!;
          const area = Math.abs(a * e - b * d) * labels.get(name)!.filter((label) => label > 0).length;
          assert.ok(Math.abs(layer.area / area - 1) < 1e-9, `${name} ${file}: ${layer.area} of ${height} × ${width}`);
          assert.deepEqual(layer.names, classes.map((one) => one.name).sort());
          const hasHectares = name !== 'degrees';
          if (hasHectares) assert.ok(Number(layer.columns.hectares) > 0);
          assert.match(layer.columns.color!, /^#[0-9a-f]{6}$/);
        }
      }
    });

    test('an item tells corners in longitude and latitude', async () => {
      const { bbox } = JSON.parse(await readFile(path.join(directory, 'utm', 'item.json'), 'utf8')) as {
        bbox: number[];
      };
      // pyproj: Transformer.from_crs(32616, 4326, always_xy=True) of the four corners
      [-87, 40.376973, -86.952814, 40.470678].forEach((value, index) => {
        assert.ok(Math.abs(bbox[index]! - value) < 1e-6, bbox.join(', '));
      });
    });
  },
);
