import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Option, type Command } from 'commander';
import type { Split } from '@hyperswap/proto';
import { callUnary, toMilliseconds } from '@hyperswap/rpc';
import { writeNpy } from '@hyperswap/raster';
import { fetchIndianPines } from '../datasets/indian-pines.js';
import { readPublishedSplit } from '../datasets/indian-pines-splits.js';
import { describeMeasurement } from '../report/measurement.js';
import { renderReport } from '../report/report-html.js';
import { describeAccuracy, percent, referenceOf, shortMetrics, type Report } from '../report/report.js';
import { placeOfScene } from '../map-files/report-map.js';
import { writeMapFiles } from '../map-files/write-map-files.js';
import { splitSentence } from '../report/split-sentence.js';
import { jobMap, runSceneJob } from '../scene-jobs.js';
import { ownCommand } from '../own-command.js';
import { openSession, type GlobalFlags, type Session } from '../session.js';
import { swapWhileStreaming } from '../swap-while-streaming.js';
import { shellLine } from '../start/plan.js';
import { printResult, Progress } from '../terminal.js';
import { trainAdapter } from '../training.js';
import { fileToUpload, uploadScene, type LabelsToUpload } from '../upload.js';
import { datasetDirectory } from './datasets.js';
import { parseSplit } from '../split.js';
import { calibrationHelp, collect, parseSettings } from './options.js';
import { truthOf } from '../labels.js';

interface DemoFlags extends GlobalFlags {
  readonly out: string;
  readonly labelMaps?: string;
  /** Earlier spelling of `--label-maps`. */
  readonly split?: string;
  readonly method: string;
  readonly seed: string;
  readonly patchSize: string;
  readonly set: readonly string[];
  readonly calibrate?: boolean;
}

const sceneName = 'indian-pines';

/** `make demo`: the main job from download to map, on a real scene, by the three services over gRPC. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('make a first map of a public scene: fetch, train, classify, and swap adapters while it classifies')
    .option('--out <dir>', 'folder for the maps and the report', 'out/demo')
    .option('--label-maps <dir>', 'folder of a published split (docs/datasets.md); without it a random split')
    .addOption(new Option('--split <dir>').hideHelp())
    .option('--method <name>', 'method of the adapter that draws the map', 'krona+')
    .option('--patch-size <pixels>', 'odd side of a patch; 0 for the default', '0')
    .option('--calibrate', calibrationHelp)
    .option('--seed <number>', 'seed of the split and the training', '1')
    .option('--set <key=value>', 'a setting, such as epochs=20; repeatable', collect, [])
    .action(async (own: DemoFlags, command: Command) => {
      const flags = command.optsWithGlobals<DemoFlags>();
      const home = flags.home ?? path.join(flags.out, 'home');
      // A fresh start each time in a home of its own; what was downloaded stays. A home that the user names may hold
      // other work.
      if (flags.home === undefined) {
        for (const part of ['store', 'bus']) await rm(path.join(home, part), { recursive: true, force: true });
      }
      const session = await openSession({ ...flags, home });
      const progress = new Progress();
      try {
        const report = await demonstrate(
          session,
          { ...flags, labelMaps: flags.labelMaps ?? flags.split, set: own.set },
          datasetDirectory(home),
          progress,
        );
        progress.stop();
        const { metrics, seconds, adapter, swap } = report;
        printResult(flags.json, report, [
          `${adapter.ref} (${report.method}, ${(adapter.bytes / 1e6).toFixed(3)} MB): ${describeAccuracy(metrics)}`,
          ...describeMeasurement(metrics, report.calibration),
          `prepared in ${seconds.prepare.toFixed(1)} s, trained in ${seconds.train.toFixed(1)} s, classified in ${seconds.classify.toFixed(1)} s (${Math.round(report.patchesPerSecond)} patches/s)`,
          `${swap!.tilesReceived} of ${swap!.tilesSent} tiles answered while adapters were swapped twice`,
          `open ${path.join(flags.out, 'report.html')}`,
          ...(await consoleAdvice(session, ['--home', home, ...backboneArguments(flags)])),
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}

async function demonstrate(session: Session, flags: DemoFlags, datasets: string, progress: Progress): Promise<Report> {
  progress.update('fetching', 0, 1);
  const dataset = await fetchIndianPines(datasets);
  progress.update('fetching', 1, 1);

  const { labelMaps } = flags;
  const published = labelMaps === undefined ? undefined : await readPublishedSplit(labelMaps);
  const maps = published?.maps ?? [];
  const prepareStart = performance.now();
  const scene = await uploadScene(
    session,
    {
      name: sceneName,
      file: await fileToUpload(dataset.scene),
      labels: [
        { name: 'truth', file: await fileToUpload(dataset.labels) },
        ...maps.map(([name, values]) => labelsToUpload(name, [published!.height, published!.width], values)),
      ],
      classes: dataset.classes,
      attribution: dataset.attribution,
      replace: true,
    },
    progress,
  );
  const prepareSeconds = (performance.now() - prepareStart) / 1000;

  const seed = Number(flags.seed);
  const split: Split = parseSplit(published === undefined ? '50:15' : maps.map(([name]) => name).join('/'), seed);
  const modes = { preset: '', choosePatchSize: false, resume: false, validateOnly: false };
  const common = { scene: sceneName, adapter: sceneName, backbone: session.config.backbone, split, seed, ...modes };
  const patchSize = Number(flags.patchSize);
  const settings = parseSettings([...flags.set, ...(flags.calibrate === true ? ['calibrate=true'] : [])]);
  const trained = await trainAdapter(session, { ...common, method: flags.method, settings, patchSize }, progress);
  const second = await trainAdapter(session, { ...common, method: 'linear-probe', settings: {}, patchSize }, progress);

  // The newest map comes first in the console: the one of the report.
  const reference = referenceOf(trained.adapter!);
  const kept = { probabilities: true };
  await runSceneJob(session, scene, referenceOf(second.adapter!), progress, kept);
  const job = await runSceneJob(session, scene, reference, progress, kept);
  const source = jobMap(session, job, progress, { reach: 0, probabilities: false });
  const { height, width, seconds } = source;
  const swap = await swapWhileStreaming(session, scene, [trained.adapter!, second.adapter!], progress);
  const { tiles, signal } = session;
  const status = await callUnary(tiles, 'getStatus', {}, { signal });
  const adapter = trained.adapter!;
  const report: Report = {
    scene: sceneName,
    split: {
      train: trained.trainPixels,
      test: trained.testPixels,
      description: adapter.split,
      sentence: splitSentence(split, { train: trained.trainPixels, test: trained.testPixels }),
    },
    method: flags.method,
    backbone: { name: status.backbone, digest: status.backboneDigest, parameters: status.backboneParameters },
    adapter: {
      ref: reference,
      digest: adapter.digest,
      bytes: adapter.bytes,
      parameters: adapter.parameters,
      patchSize: adapter.patchSize,
    },
    metrics: shortMetrics(trained.metrics!),
    calibration: trained.calibration,
    lossByEpoch: trained.lossByEpoch,
    seconds: { prepare: prepareSeconds, train: toMilliseconds(trained.elapsed) / 1000, classify: seconds },
    patchesPerSecond: (height * width) / seconds,
    swap,
  };
  await writeMapFiles(
    flags.out,
    {
      source,
      scene: sceneName,
      place: await placeOfScene(scene),
      title: `${reference}, OA ${percent(report.metrics.oa)}`,
      lineage: `Classified by the adapter ${reference} (sha-256 ${adapter.digest}) on the backbone ${adapter.backbone}.`,
      truth: truthOf(session, scene),
      ...{ probabilities: false, polygons: undefined, polygonFormat: 'geojson', envi: false },
      onProgress: (done, all) => progress.update('writing', done, all),
      warn: (text) => progress.warn(text),
    },
    async (folder, { pictures }) => {
      await folder.write('report.json', `${JSON.stringify(report, null, 2)}\n`);
      await folder.write('report.html', renderReport(report, pictures));
      return ['report.json', 'report.html'];
    },
  );
  return report;
}

/**
 * Returns how to look at the maps in the console.
 *
 * @param options that the services need to show them, and to go on with the adapters
 */
async function consoleAdvice({ local, config, endpoint }: Session, options: readonly string[]): Promise<string[]> {
  const kept = `The maps are kept for ${config.keepJobsHours} hours.`;
  if (local === undefined) {
    return [`or look at both maps in the console of the services at ${endpoint}, under Maps. ${kept}`];
  }
  const command = shellLine([...options, 'up', '--open'], Infinity, await ownCommand()).join('');
  return [`or look at both maps in a browser: ${command}`, kept];
}

function backboneArguments({ backbone }: GlobalFlags): string[] {
  return backbone === undefined ? [] : ['--backbone', backbone];
}

function labelsToUpload(name: string, shape: number[], values: Uint8Array): LabelsToUpload {
  return { name, file: { name: `${name}.npy`, content: writeNpy({ shape, values }) } };
}
