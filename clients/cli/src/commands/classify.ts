import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Option, type Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { openRaster, resampleRaster, type RasterReader } from '@hyperswap/raster';
import { callUnary } from '@hyperswap/rpc';
import { isRemotePlace } from '../remote-scene.js';
import { addFileOptions, readOptions, splitVariable, type FileFlags } from '../file-options.js';
import { addMapOptions, mapOptions, outContents, type MapFlags } from '../map-files/map-options.js';
import { sourceInMemory } from '../map-files/map-source.js';
import { placeMap, placedSource } from '../map-files/placed-map.js';
import { placeOfRaster, placeOfScene, reportMap } from '../map-files/report-map.js';
import { checkPolygons } from '../map-files/write-polygons.js';
import { classifyRawFile } from '../raw-file.js';
import { jobMap, runSceneJob, startSceneJob, type SceneJobOptions } from '../scene-jobs.js';
import { openSession, type GlobalFlags, type Session } from '../session.js';
import { smoothRawMap } from '../smoothing.js';
import { printResult, Progress } from '../terminal.js';

interface ClassifyFlags extends GlobalFlags, FileFlags, MapFlags {
  readonly scene: string;
  readonly adapter: string;
  readonly out?: string;
  readonly detach?: boolean;
  readonly resample?: boolean;
  readonly mode: 'exact' | 'adaptive';
  readonly agreement?: string;
}

export function addClassifyCommand(program: Command): void {
  addMapOptions(addFileOptions(program.command('classify')))
    .description('make the land-cover map of a prepared scene or of a scene file')
    .requiredOption('--scene <name or file>', 'prepared scene, or a scene file')
    .requiredOption('--adapter <ref>', 'name, name@7 or name:alias')
    .option('--out <dir>', outContents)
    .option('--resample', 'resample the spectra of a raw file to the bands that the adapter was trained on')
    .addOption(
      new Option(
        '--mode <mode>',
        'adaptive: the model classifies the pixels near borders of classes, and the others are interpolated; in about half the time',
      )
        .choices(['exact', 'adaptive'])
        .default('exact'),
    )
    .option(
      '--agreement <share>',
      'adaptive mode: share of pixels that shall have the label of the exact map (default: 0.99)',
    )
    .option('--detach', 'only start the job, and print its id: "hyperswap jobs map" gets the map')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ClassifyFlags>();
      const { reach, ...files } = mapOptions(flags);
      const agreement = wantedAgreement(flags);
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        if (flags.detach === true) {
          if (reach > 0) {
            const reason = 'a job’s map is as it was classified: give it to "hyperswap jobs map"';
            throw failure('FIELD_INVALID', { field: '--smooth', reason });
          }
          await detach(session, flags, { probabilities: files.probabilities, agreement });
          return;
        }
        if (flags.out === undefined) {
          throw failure('FIELD_INVALID', { field: '--out', reason: 'name a folder for the map' });
        }
        if (isRemotePlace(flags.scene)) {
          const reason = `classify reads files of this machine and prepared scenes: prepare ${flags.scene} with "hyperswap scenes prepare" first`;
          throw failure('FIELD_INVALID', { field: '--scene', reason });
        }
        const isFile = await stat(splitVariable(flags.scene).file).then(
          () => true,
          () => false,
        );
        if (!isFile && flags.resample === true) {
          const reason = `${flags.scene} is a prepared scene, whose bands are reduced: name its file instead`;
          throw failure('FIELD_INVALID', { field: '--resample', reason });
        }
        if (isFile && agreement !== undefined) {
          const reason = `it is for prepared scenes: prepare ${flags.scene} with "hyperswap scenes prepare" first`;
          throw failure('FIELD_INVALID', { field: '--mode', reason });
        }
        const classify = isFile ? classifyRaw : classifyPrepared;
        await classify(session, { ...flags, out: flags.out }, progress);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}

/** Share of exact labels that is used where `--agreement` names none. */
const usualAgreement = 0.99;

/** Returns the share of exact labels that flags want; undefined in exact mode. @throws FIELD_INVALID */
function wantedAgreement({ mode, agreement }: ClassifyFlags): number | undefined {
  if (agreement !== undefined && mode === 'exact') {
    throw failure('FIELD_INVALID', { field: '--agreement', reason: 'it is for "--mode adaptive"' });
  }
  if (mode === 'exact') return undefined;
  const share = agreement === undefined ? usualAgreement : Number(agreement);
  if (!(share >= 0.9 && share < 1)) {
    const reason = `${agreement} is not a number from 0.9 to below 1: 0.99 is usual`;
    throw failure('FIELD_INVALID', { field: '--agreement', reason });
  }
  return share;
}

/** Starts a detached job, and prints its id. @throws FIELD_INVALID when it would end with this process */
async function detach(
  session: Session,
  { scene, adapter, json }: ClassifyFlags,
  options: SceneJobOptions,
): Promise<void> {
  if (session.local !== undefined) {
    const reason =
      'the services were started by this command, and the job would end with it: start "hyperswap up" first';
    throw failure('FIELD_INVALID', { field: '--detach', reason });
  }
  const job = await startSceneJob(session, scene, adapter, options);
  printResult(json, { job }, [job]);
}

type FlagsWithFolder = ClassifyFlags & { readonly out: string };

/** Classifies a raw file, of which no labels are known. Its map is in memory. */
async function classifyRaw(session: Session, flags: FlagsWithFolder, progress: Progress): Promise<void> {
  const options = mapOptions(flags);
  const { file, variable } = splitVariable(flags.scene);
  const given = await readOptions(flags);
  const raster = await openRaster(file, { ...given, variable: variable ?? given.variable });
  try {
    // A raster in the geometry of the sensor is classified as it is; the lookup table of the product places its map.
    const onMap = raster.lookupTable ?? raster.info;
    const place = await placeOfRaster(onMap);
    checkPolygons({ ...options, scene: path.basename(file), place, size: onMap });
    const pixels = flags.resample === true ? await resampleFor(session, file, raster, flags.adapter) : raster;
    const classified = await classifyRawFile(session, pixels, flags.adapter, progress, options.probabilities);
    const smoothed = await smoothRawMap(session, classified, raster, options.reach, progress);
    const source = sourceInMemory(await placeMap(smoothed, raster.lookupTable));
    const map = { ...options, scene: path.basename(file), source, place, truth: undefined };
    await reportMap(map, flags.out, { json: flags.json, progress });
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
    const reason = `adapter ${reference} has no wavelengths of its training: train it again on a scene with wavelengths`;
    throw failure('FIELD_INVALID', { field: '--resample', reason });
  }
  return resampleRaster(file, raster, {
    wavelengths,
    ...(fullWidths.length > 0 && { fullWidths }),
    ...(goodBands.length > 0 && { goodBands }),
  });
}

/** Classifies a prepared scene as a job, and compares the map with the scene's labels. */
async function classifyPrepared(session: Session, flags: FlagsWithFolder, progress: Progress): Promise<void> {
  const { scenes, signal } = session;
  const { scene: name, adapter } = flags;
  const options = mapOptions(flags);
  const { scene } = await callUnary(scenes, 'getScene', { name }, { signal });
  const place = await placeOfScene(scene!);
  checkPolygons({ ...options, scene: name, place, size: scene!.lookupTable ?? scene!.raster! });
  const jobOptions = { probabilities: options.probabilities, agreement: wantedAgreement(flags) };
  const job = await runSceneJob(session, scene!, adapter, progress, jobOptions);
  const placed = await placedSource(session, scene!, jobMap(session, job, progress, options));
  const map = { ...options, ...placed, scene: name, place };
  await reportMap(map, flags.out, { json: flags.json, progress });
}
