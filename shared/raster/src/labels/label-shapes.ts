import { Worker } from 'node:worker_threads';
import { failure, restoreError } from '@hyperswap/errors';
import type { RandomAccess } from '../source/random-access.js';
import type { LabelClasses } from './label-classes.js';
import type { LabelOptions, LabelTarget, ReadLabels } from './label-options.js';
import type { ShapesAnswer, ShapesOrder } from './shapes/burn-shapes.js';

/** GeoJSON is read whole, in a thread of its own. */
const maximumBytes = 256 * 1024 ** 2;
const threadMebibytes = 4096;
/** Features that a warning names. */
const namedFeatures = 10;

/**
 * Reads labels out of GeoJSON (RFC 7946) points and polygons. A property of each holds the number of its class, or its name.
 * A pixel belongs to a polygon when its centre does, as GDAL rasterises; later features lie over earlier ones.
 *
 * Coordinates are those of the file's `crs` member, if it has one, or as the user says; else longitude and latitude when they can be
 * and the scene has a reference system, else the scene's own: of its reference system, or pixels (x the column, y the row).
 *
 * @throws LABELS_VALUES naming the feature, CRS_UNKNOWN
 */
export async function readLabelShapes(
  source: RandomAccess,
  target: LabelTarget,
  classes: LabelClasses,
  { nodata, labelProperty, shapesCrs }: LabelOptions,
): Promise<ReadLabels> {
  const invalid = (reason: string): Error => failure('LABELS_VALUES', { labels: source.name, reason });
  if (source.size > maximumBytes) throw invalid(`it has ${source.size} bytes, more than ${maximumBytes}`);
  const bytes = await source.read(0, source.size);
  const answer = await burn({ file: source.name, bytes, target, labelProperty, shapesCrs });
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
  if (answer.empty.length > 0) warnings.push(`${source.name}: ${list(answer.empty)} without a geometry: skipped`);
  if (answer.missed.length > 0) warnings.push(`${source.name}: ${list(answer.missed)} on no pixel of the scene`);
  if (answer.hits === 0) {
    throw invalid(
      `none of its ${answer.features} features lies on a pixel of the scene; its coordinates were taken as ${answer.crs} (--labels-crs says otherwise)`,
    );
  }
  return { labels: map, warnings };
}

function list(features: readonly number[]): string {
  const named = features.slice(0, namedFeatures).map((index) => index + 1);
  const more = features.length > named.length ? ` and ${features.length - named.length} more` : '';
  return `feature${features.length === 1 ? '' : 's'} ${named.join(', ')}${more} ${features.length === 1 ? 'is' : 'are'}`;
}

function burn(order: ShapesOrder): Promise<ShapesAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./shapes/shapes-thread.js', import.meta.url), {
      workerData: order,
      transferList: [order.bytes.buffer],
      resourceLimits: { maxOldGenerationSizeMb: threadMebibytes },
    });
    worker.once('message', (message: { answer?: ShapesAnswer; error?: Parameters<typeof restoreError>[0] }) => {
      if (message.answer !== undefined) resolve(message.answer);
      else reject(restoreError(message.error!));
    });
    worker.once('error', (cause) => {
      reject(
        failure('LABELS_VALUES', { labels: order.file, reason: `it is too large to read: ${cause.message}` }, cause),
      );
    });
    worker.once('exit', () => {
      reject(failure('INTERNAL', { reason: 'the thread that reads shapes ended without an answer' }));
    });
  });
}
