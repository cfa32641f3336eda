import { Worker } from 'node:worker_threads';
import { failure, restoreError } from '@hyperswap/errors';
import type { RandomAccess } from '../source/random-access.js';
import type { LabelClasses } from './label-classes.js';
import type { LabelOptions, LabelTarget, ReadLabels } from './label-options.js';
import type { ShapesAnswer, ShapesOrder } from './shapes/burn-shapes.js';
import type { ShapesFile, ShapesFormat } from './shapes/feature.js';

/** Shapes are read whole, in a thread of its own. */
const maximumBytes = 256 * 1024 ** 2;
const threadMebibytes = 4096;
const threadMilliseconds = 300_000;
/** Files that belong to one of a format, by their ending. */
const companions: Readonly<Record<ShapesFormat, readonly string[]>> = {
  geojson: [],
  geopackage: [],
  'envi-roi': [],
  shapefile: ['dbf', 'prj', 'cpg'],
};
/** Features that a warning names. */
const namedFeatures = 10;

/**
 * Reads labels out of points and polygons: GeoJSON (RFC 7946), Shapefile, GeoPackage, or regions of ENVI. A property of
 * each holds the number of its class, or its name. A pixel belongs to a polygon when its centre does, as GDAL
 * rasterises; later features lie over earlier ones.
 *
 * Coordinates are those that the file names, if it does, or as the user says; else longitude and latitude when they can
 * be and the scene has a reference system, else the scene's own: of its reference system, or pixels (x the column, y
 * the row).
 *
 * @throws LABELS_VALUES naming the feature, CRS_UNKNOWN, VARIABLE_MISSING when the file holds several layers
 */
export async function readLabelShapes(
  source: RandomAccess,
  format: ShapesFormat,
  target: LabelTarget,
  classes: LabelClasses,
  { nodata, labelProperty, shapesCrs, variable }: LabelOptions,
): Promise<ReadLabels> {
  const invalid = (reason: string): Error => failure('LABELS_VALUES', { labels: source.name, reason });
  const beside = await readCompanions(source, companions[format]);
  const shapes: ShapesFile = { file: source.name, format, bytes: await readWhole(source), beside, layer: variable };
  // Only what can travel to a thread: a lookup table has functions.
  const { height, width, crs, transform } = target;
  const place = { height, width, crs, transform };
  const answer = await burn({ shapes, target: place, labelProperty, shapesCrs });
  classes.describeNames(answer.classes ?? []);
  // Pixels hold the number of their feature's value; what a value means is decided here.
  const labels = answer.values.map((value, index) => {
    const label = classes.labelOf(value, nodata);
    if (label !== undefined && label <= 255) return label;
    throw invalid(
      `feature ${answer.firstFeatures[index]! + 1} has the class ${value}, which is no number from 1 to 255 and no class's name`,
    );
  });
  const map = new Uint8Array(answer.pixels.length);
  for (let i = 0; i < map.length; i++) {
    const value = answer.pixels[i]!;
    if (value > 0) map[i] = labels[value - 1]!;
  }
  const warnings: string[] = [];
  if (format === 'geopackage' && (await source.siblings()).includes(`${source.name}-wal`)) {
    warnings.push(`${source.name}: another program has it open; what it has not yet written into the file is not read`);
  }
  if (answer.empty.length > 0) warnings.push(`${source.name}: ${list(answer.empty)} without a geometry: skipped`);
  if (answer.missed.length > 0) warnings.push(`${source.name}: ${list(answer.missed)} on no pixel of the scene`);
  if (answer.hits === 0) {
    throw invalid(
      `none of its ${answer.features} features lies on a pixel of the scene; its coordinates were taken as ${answer.crs} (set others with --labels-crs)`,
    );
  }
  return { labels: map, warnings };
}

function list(features: readonly number[]): string {
  const named = features.slice(0, namedFeatures).map((index) => index + 1);
  const more = features.length > named.length ? ` and ${features.length - named.length} more` : '';
  return `feature${features.length === 1 ? '' : 's'} ${named.join(', ')}${more} ${features.length === 1 ? 'is' : 'are'}`;
}

async function readWhole(source: RandomAccess): Promise<Uint8Array<ArrayBuffer>> {
  if (source.size <= maximumBytes) return source.read(0, source.size);
  const reason = `it has ${source.size} bytes, more than ${maximumBytes}`;
  throw failure('LABELS_VALUES', { labels: source.name, reason });
}

/** Reads the files beside one that differ from it in their ending alone, in any case. */
async function readCompanions(source: RandomAccess, endings: readonly string[]): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  if (endings.length === 0) return found;
  const stem = source.name.replace(/\.[^.]*$/, '').toLowerCase();
  for (const name of await source.siblings()) {
    const ending = endings.find((wanted) => name.toLowerCase() === `${stem}.${wanted}`);
    if (ending === undefined) continue;
    const beside = await source.sibling(name);
    try {
      found.set(ending, await readWhole(beside));
    } finally {
      await beside.close();
    }
  }
  return found;
}

function burn(order: ShapesOrder): Promise<ShapesAnswer> {
  const { file, bytes } = order.shapes;
  return new Promise<ShapesAnswer>((resolve, reject) => {
    const worker = new Worker(new URL('./shapes/shapes-thread.js', import.meta.url), {
      workerData: order,
      transferList: [bytes.buffer],
      resourceLimits: { maxOldGenerationSizeMb: threadMebibytes },
    });
    const timer = setTimeout(() => {
      const reason = `it takes more than ${threadMilliseconds / 1000} s to read`;
      reject(failure('LABELS_VALUES', { labels: file, reason }));
      void worker.terminate();
    }, threadMilliseconds);
    worker.once('message', (message: { answer?: ShapesAnswer; error?: Parameters<typeof restoreError>[0] }) => {
      if (message.answer !== undefined) resolve(message.answer);
      else reject(restoreError(message.error!));
    });
    worker.once('error', (cause) => {
      reject(failure('LABELS_VALUES', { labels: file, reason: `it is too large to read: ${cause.message}` }, cause));
    });
    worker.once('exit', () => {
      clearTimeout(timer);
      reject(failure('INTERNAL', { reason: 'the thread that reads shapes ended without an answer' }));
    });
  });
}
