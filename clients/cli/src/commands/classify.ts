import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { callUnary } from '@hyperswap/rpc';
import { completeClasses } from '@hyperswap/map';
import { openRaster, resampleRaster, type RasterReader } from '@hyperswap/raster';
import { percent, referenceOf } from '../report/report.js';
import { writeMap } from '../report/write-map.js';
import { truthOf } from '../labels.js';
import { classifyScene, startSceneJob, type SceneMap } from '../scene-jobs.js';
import { openSession, type GlobalFlags, type Session } from '../session.js';
import { smoothRawMap } from '../smoothing.js';
import { printResult, Progress, table } from '../terminal.js';
import { addFileOptions, readOptions, splitVariable, type FileFlags } from '../file-options.js';
import { classifyRawFile } from '../raw-file.js';
import { smoothing, smoothingReach } from './options.js';

interface ClassifyFlags extends GlobalFlags, FileFlags {
  readonly scene: string;
  readonly adapter: string;
  readonly out?: string;
  readonly detach?: boolean;
  readonly smooth: string;
  readonly resample?: boolean;
}

export function addClassifyCommand(program: Command): void {
  addFileOptions(program.command('classify'))
    .description('the land-cover map of a prepared scene, or of a raw file with the adapter’s own PCA')
    .requiredOption('--scene <name or file>')
    .requiredOption('--adapter <ref>', 'name, name@7 or name:alias')
    .option('--out <dir>', 'gets map.png, confidence.png, labels.tif and map.json')
    .option('--smooth <pixels>', smoothing, '0')
    .option('--resample', 'resample the spectra of a raw file to the bands that the adapter was trained on')
    .option('--detach', 'only start the job, and print its id: "hyperswap jobs map" gets the map')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ClassifyFlags>();
      const reach = smoothingReach(flags.smooth);
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        if (flags.detach === true) {
          if (reach > 0) {
            const reason = 'a job’s map is as it was classified: give it to "hyperswap jobs map"';
            throw failure('FIELD_INVALID', { field: '--smooth', reason });
          }
          await detach(session, flags);
          return;
        }
        const { out } = flags;
        if (out === undefined) throw failure('FIELD_INVALID', { field: '--out', reason: 'name a folder for the map' });
        const isFile = await stat(splitVariable(flags.scene).file).then(
          () => true,
          () => false,
        );
        if (!isFile && flags.resample === true) {
          const reason = `${flags.scene} is a prepared scene, whose bands are reduced: name its file instead`;
          throw failure('FIELD_INVALID', { field: '--resample', reason });
        }
        const { map, truth } = isFile
          ? await classifyRaw(session, flags, reach, progress)
          : await classifyPrepared(session, flags, reach, progress);
        progress.stop();
        await reportMap({ scene: flags.scene, map, truth, reach }, out, flags.json);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}

/** Starts a job that goes on by itself, and prints its id. @throws FIELD_INVALID when it would end with this process */
async function detach(session: Session, { scene, adapter, json }: ClassifyFlags): Promise<void> {
  if (session.local !== undefined) {
    const reason =
      'the services were started by this command, and the job would end with it: start "hyperswap up" first';
    throw failure('FIELD_INVALID', { field: '--detach', reason });
  }
  const job = await startSceneJob(session, scene, adapter);
  printResult(json, { job }, [job]);
}

export interface MapToReport {
  readonly scene: string;
  readonly map: SceneMap;
  readonly truth: Uint8Array | undefined;
  /** How far the map was smoothed, `--smooth`. */
  readonly reach: number;
}

/** Writes a map and its summary into a folder, and prints how many pixels each class has. */
export async function reportMap(
  { scene, map, truth, reach }: MapToReport,
  out: string,
  json: boolean | undefined,
): Promise<void> {
  const { height, width, labels, confidence, adapter, seconds } = map;
  const classes = completeClasses(adapter.classes, 0);
  const reference = referenceOf(adapter);
  await writeMap(out, { height, width, labels, confidence, classes, truth, title: reference });
  const counts = classes.map(({ name }, index) => ({
    name,
    pixels: labels.reduce((count, label) => count + (label === index + 1 ? 1 : 0), 0),
  }));
  const summary = {
    scene,
    adapter: reference,
    digest: adapter.digest,
    height,
    width,
    smoothed: reach,
    seconds,
    patchesPerSecond: (height * width) / seconds,
    classes: counts,
  };
  await writeFile(path.join(out, 'map.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const rows = counts.map(({ name, pixels }) => [name, String(pixels), percent(pixels / (height * width))]);
  printResult(json, summary, [
    ...table(['class', 'pixels', 'share'], rows),
    `${height} × ${width} pixels by ${reference} in ${seconds.toFixed(1)} s; see ${path.join(out, 'map.png')}`,
  ]);
}

/** What a map is reported with. */
type MapAndTruth = Pick<MapToReport, 'map' | 'truth'>;

/** Classifies a raw file, of which no labels are known. */
async function classifyRaw(
  session: Session,
  flags: ClassifyFlags,
  reach: number,
  progress: Progress,
): Promise<MapAndTruth> {
  const { file, variable } = splitVariable(flags.scene);
  const options = await readOptions(flags);
  const raster = await openRaster(file, { ...options, variable: variable ?? options.variable });
  try {
    const pixels = flags.resample === true ? await resampleFor(session, file, raster, flags.adapter) : raster;
    const map = await classifyRawFile(session, pixels, flags.adapter, progress);
    return { map: await smoothRawMap(session, map, raster, reach, progress), truth: undefined };
  } finally {
    await raster.close();
  }
}

/** Returns a raster with the bands of an adapter. @throws FIELD_INVALID when the wavelengths of either are not known */
async function resampleFor(
  { adapters, signal }: Session,
  file: string,
  raster: RasterReader,
  reference: string,
): Promise<RasterReader> {
  const { adapter } = await callUnary(adapters, 'getAdapter', { adapter: reference }, { signal });
  const { wavelengths, fullWidths, goodBands } = adapter!;
  if (wavelengths.length === 0) {
    const reason = `adapter ${reference} does not tell the wavelengths that it was trained on: train it again on a scene with wavelengths`;
    throw failure('FIELD_INVALID', { field: '--resample', reason });
  }
  return resampleRaster(file, raster, {
    wavelengths,
    ...(fullWidths.length > 0 && { fullWidths }),
    ...(goodBands.length > 0 && { goodBands }),
  });
}

/** Classifies a prepared scene as a job, and fetches its labels to show beside the map. */
async function classifyPrepared(
  session: Session,
  { scene: name, adapter }: ClassifyFlags,
  reach: number,
  progress: Progress,
): Promise<MapAndTruth> {
  const { scenes, signal } = session;
  const { scene } = await callUnary(scenes, 'getScene', { name }, { signal });
  const map = await classifyScene(session, scene!, adapter, progress, reach);
  return { map, truth: await truthOf(session, scene!) };
}
