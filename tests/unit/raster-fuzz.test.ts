/**
 * Truncated and bit-flipped copies of the fixtures of each format, the same ones each time: 200 a format, fewer of HDF5
 * and of shapes (a thread each). `FUZZ_MUTATIONS` sets another number. Of each copy the first window is read too.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { HyperswapError } from '@hyperswap/errors';
import { bytesInMemory, LabelClasses, openRaster, readLabels, type ReadOptions } from '@hyperswap/raster';
import { Random } from '@hyperswap/random';
import { caseFile, labelFixture, rasterFixture } from '../support/fixtures.js';

const wanted = Number(process.env.FUZZ_MUTATIONS ?? 200);
const hangMilliseconds = 5000;
const memoryBytes = 512 * 1024 ** 2;
/** Values that one read of the test takes at most. */
const readValues = 1 << 20;

/** Files of a format, and how they are opened. */
interface Subject {
  readonly format: string;
  readonly files: readonly string[];
  readonly mutations: number;
  readonly options?: ReadOptions;
}

const all = readdirSync(rasterFixture('.'), { withFileTypes: true }).flatMap((entry) =>
  entry.isFile() ? [entry.name] : [],
);
const named = (pattern: RegExp): string[] => all.filter((name) => pattern.test(name));
const subjects: readonly Subject[] = [
  { format: 'NumPy .npy', files: named(/\.npy$/), mutations: wanted },
  { format: 'NumPy .npz', files: named(/\.npz$/), mutations: wanted },
  { format: 'MATLAB v5', files: named(/^mat5/), mutations: wanted, options: { variable: 'cube' } },
  {
    format: 'MATLAB v5 structures',
    files: named(/^mat5/),
    mutations: wanted,
    options: { variable: 'scene.meta.Data' },
  },
  { format: 'MATLAB v4', files: named(/^mat4/), mutations: wanted, options: { variable: 'gt', content: 'labels' } },
  { format: 'TIFF', files: named(/^tiff/), mutations: wanted },
  { format: 'ENVI header', files: named(/^envi.*\.hdr$/i), mutations: wanted },
  { format: 'EnMAP', files: named(/^ENMAP.*XML$/i), mutations: wanted },
  {
    format: 'HDF5',
    files: named(/\.(h5|nc|he5)$|mat73/),
    mutations: process.env.FUZZ_MUTATIONS === undefined ? 40 : wanted,
  },
];

/** Returns the time that all threads have computed since. The clock on the wall also tells how busy the machine is. */
function cpuMilliseconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

/** Cuts a file, or changes up to eight of its bytes, most of them near its start where formats keep what they say. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const pick = (limit: number): number => Math.floor(random.uniform() * limit);
  if (pick(4) === 0) return bytes.slice(0, pick(bytes.byteLength));
  const changed = bytes.slice();
  for (let change = pick(8); change >= 0; change--) {
    const place = pick(2) === 0 ? pick(Math.min(512, changed.byteLength)) : pick(changed.byteLength);
    if (pick(3) === 0) changed[place] = [0, 0xff, 0x7f, 0x80][pick(4)]!;
    else changed[place]! ^= 1 << pick(8);
  }
  return changed;
}

async function tryOpen(
  name: string,
  bytes: Uint8Array,
  beside: ReadonlyMap<string, Uint8Array>,
  options: ReadOptions,
): Promise<string> {
  const raster = await openRaster(bytesInMemory(name, bytes, new Map([...beside, [name, bytes]])), options);
  try {
    const { height, width, bands } = raster.info;
    const rows = Math.max(1, Math.min(height, 4, Math.floor(readValues / (width * bands))));
    const columns = Math.min(width, Math.max(1, Math.floor(readValues / (rows * bands))));
    const values = await raster.readWindow(
      { row: 0, column: 0, height: rows, width: columns },
      bands > readValues ? [0] : undefined,
    );
    assert.equal(values.length, rows * columns * bands, 'a window of the wrong size');
    return 'read';
  } finally {
    await raster.close();
  }
}

for (const { format, files, mutations, options = {} } of subjects) {
  test(`${mutations} damaged copies of ${format} are read or refused, none crashes, hangs or fills the memory`, async () => {
    assert.ok(files.length > 0);
    const random = new Random(7);
    const contents = new Map(files.map((name) => [name, new Uint8Array(readFileSync(rasterFixture(name)))]));
    const beside = format.startsWith('EN')
      ? new Map(named(/^(envi|ENMAP)/).map((name) => [name, new Uint8Array(readFileSync(rasterFixture(name)))]))
      : new Map<string, Uint8Array>();
    let read = 0;
    let longest = 0;
    let most = 0;
    for (let i = 0; i < mutations; i++) {
      const name = files[i % files.length]!;
      const bytes = mutate(contents.get(name)!, random);
      const start = process.cpuUsage();
      try {
        await tryOpen(name, bytes, beside, options);
        read += 1;
      } catch (error) {
        if (!(error instanceof HyperswapError) || error.code === 'INTERNAL') throw error;
      }
      longest = Math.max(longest, cpuMilliseconds(start));
      if (i % 50 === 0) most = Math.max(most, process.memoryUsage().rss);
    }
    assert.ok(read < mutations, 'no copy was refused');
    assert.ok(longest < hangMilliseconds, `one took ${Math.round(longest)} ms`);
    assert.ok(most < memoryBytes, `${Math.round(most / 1024 ** 2)} MiB`);
  });
}

test(`${wanted} damaged copies of PNG are read or refused`, async () => {
  const names = readdirSync(labelFixture('.')).filter((name) => name.endsWith('.png'));
  const random = new Random(7);
  for (let i = 0; i < wanted; i++) {
    const name = names[i % names.length]!;
    const bytes = mutate(new Uint8Array(readFileSync(labelFixture(name))), random);
    await requireOutcome(() => tryOpen(name, bytes, new Map(), { content: 'labels' }));
  }
});

test(`${wanted} damaged copies of Zarr are read or refused`, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperswap-fuzz-'));
  const random = new Random(7);
  const stores = readdirSync(rasterFixture('.')).filter((name) => name.endsWith('.zarr'));
  const files = stores.flatMap((store) =>
    readdirSync(rasterFixture(store), { recursive: true, withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [path.relative(rasterFixture('.'), path.join(entry.parentPath, entry.name))] : [],
    ),
  );
  for (const store of stores) cpSync(rasterFixture(store), path.join(folder, store), { recursive: true });
  for (let i = 0; i < wanted; i++) {
    const file = files[i % files.length]!;
    const original = readFileSync(rasterFixture(file));
    writeFileSync(path.join(folder, file), mutate(new Uint8Array(original), random));
    await requireOutcome(async () => {
      const raster = await openRaster(path.join(folder, file.split(path.sep)[0]!), { variable: variableOf(file) });
      const { height, width } = raster.info;
      await raster
        .readWindow({ row: 0, column: 0, height: Math.min(4, height), width: Math.min(64, width) })
        .finally(() => raster.close());
    });
    writeFileSync(path.join(folder, file), original);
  }
  rmSync(folder, { recursive: true });
});

/** Name of the array that a file of a store belongs to. */
function variableOf(file: string): string | undefined {
  const [, first] = file.split(path.sep);
  return first === undefined || first.includes('.') || first === 'c' ? undefined : first;
}

/** Reads a damaged file: it must be read, or refused with an error of the catalogue, and not hang. */
async function requireOutcome(read: () => Promise<unknown>): Promise<void> {
  const start = process.cpuUsage();
  try {
    await read();
  } catch (error) {
    if (!(error instanceof HyperswapError) || error.code === 'INTERNAL') throw error;
  }
  const milliseconds = cpuMilliseconds(start);
  assert.ok(milliseconds < hangMilliseconds, `one took ${Math.round(milliseconds)} ms`);
}

test('damaged label files are read or refused', async () => {
  const random = new Random(7);
  for (let i = 0; i < wanted; i++) {
    const name = ['labels_semicolons.csv', 'labels_by_name.csv'][i % 2]!;
    const bytes = mutate(new Uint8Array(readFileSync(caseFile(name))), random);
    await requireOutcome(async () => {
      const { labels } = await readLabels(bytesInMemory(name, bytes), { height: 20, width: 24 }, new LabelClasses());
      assert.equal(labels.length, 480);
    });
  }
});

const roi = new TextEncoder().encode(
  '<RegionsOfInterest><Region name="a" color="1,2,3"><GeometryDef><CoordSysStr>none</CoordSysStr><Polygon><Exterior><LinearRing>' +
    '<Coordinates>0 0 4 0 4 4 0 0</Coordinates></LinearRing></Exterior></Polygon></GeometryDef></Region></RegionsOfInterest>',
);
const shapes = [
  ['GeoJSON', 'utm.geojson', () => new Uint8Array(readFileSync(caseFile('utm.geojson')))],
  ['Shapefile', 'polygons.shp', () => new Uint8Array(readFileSync(labelFixture('polygons.shp')))],
  ['dBase', 'polygons.dbf', () => new Uint8Array(readFileSync(labelFixture('polygons.dbf')))],
  ['GeoPackage', 'one_layer.gpkg', () => new Uint8Array(readFileSync(labelFixture('one_layer.gpkg')))],
  ['ENVI regions', 'regions.xml', () => roi],
] as const;

for (const [format, name, content] of shapes) {
  const copies = process.env.FUZZ_MUTATIONS === undefined ? 6 : wanted;
  test(`${copies} damaged copies of ${format} are read or refused`, async () => {
    const random = new Random(7);
    const isTable = name.endsWith('.dbf');
    for (let i = 0; i < copies; i++) {
      const bytes = mutate(content(), random);
      const [shp, dbf] = isTable
        ? [new Uint8Array(readFileSync(labelFixture('polygons.shp'))), bytes]
        : [bytes, new Uint8Array(readFileSync(labelFixture('polygons.dbf')))];
      const source = bytesInMemory(isTable ? 'polygons.shp' : name, shp, new Map([['polygons.dbf', dbf]]));
      await requireOutcome(() => readLabels(source, { height: 20, width: 24 }, new LabelClasses()));
    }
  });
}
