import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { MethodKind, type Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { completeClasses } from '@hyperswap/map';
import { drawLabelMaps, type PixelMap } from '@hyperswap/map';
import { openSession, type GlobalFlags, type Session } from '../session.js';
import { parseSplit, splitHelp } from '../split.js';
import { smoothRuns } from '../study/smooth-runs.js';
import { renderStudy, type StudyPicture } from '../study/study-report.js';
import { runStudy, testMap, type RunResult, type StudyPlan } from '../study/study-runs.js';
import { summarise, toCsv, type SmoothedRuns, type StudyLine } from '../study/study-summary.js';
import { printResult, Progress, table } from '../terminal.js';
import { readLabelMap } from '../labels.js';
import { classifyScene } from '../scene-jobs.js';
import { collect, parseSettings, smoothingReach, wholeNumber } from './options.js';

interface StudyFlags extends GlobalFlags {
  readonly scene: string;
  readonly methods: string;
  readonly seeds: string;
  readonly backbones?: string;
  readonly lambdas: string;
  readonly split?: string;
  readonly preset?: string;
  readonly patchSize: string;
  readonly out: string;
  readonly set: readonly string[];
  readonly maps: boolean;
  readonly smooth: string;
}

const paperMethods = 'knn,svm,spectralformer,linear-probe,bitfit,lora,lora+,lokr,krona,krona+,full';

const columns = ['method', 'OA', 'AA', 'kappa', 'values', 'seconds'];

export function addStudyCommand(program: Command): void {
  program
    .command('study')
    .description('the paper’s tables for a scene: methods × seeds; goes on where it stopped')
    .requiredOption('--scene <name>')
    .option('--methods <names>', 'separated by commas', paperMethods)
    .option('--seeds <numbers>', 'separated by commas', '1,2,3')
    .option('--backbones <names>', 'to compare sizes or token sizes, separated by commas (the configured one)')
    .option('--lambdas <numbers>', 'of the "+" methods, to sweep, separated by commas', '')
    .option('--preset <name>', 'the paper’s settings of a known scene')
    .option('--split <split>', `${splitHelp} (the preset’s, or 50:15)`)
    .option('--patch-size <pixels>', 'odd side of a patch; 0 for the preset’s or 15', '0')
    .option('--set <[method:]key=value>', 'a setting of all methods or of one; repeat', collect, [])
    .option('--smooth <pixels>', 'show the accuracies of smoothed maps too, as "classify --smooth" makes them', '0')
    .option('--no-maps', 'leave out the maps of the whole scene')
    .option('--out <dir>', 'gets results.csv, report.html and a file for each run', 'out/study')
    .action(async (own: StudyFlags, command: Command) => {
      const flags = command.optsWithGlobals<StudyFlags>();
      const reach = smoothingReach(own.smooth);
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const { scenes, signal } = session;
        // All that is trained, read and drawn is of this content.
        const { scene } = await callUnary(scenes, 'getScene', { name: flags.scene }, { signal });
        const plan = await planStudy(session, scene!, flags, own.set);
        const results = await runStudy(session, plan, path.join(flags.out, 'runs'), progress);
        const truth = await labelsOfTests(session, scene!, plan, results);
        const smoothed: SmoothedRuns =
          reach > 0 ? await smoothRuns(session, scene!, results, truth, reach, progress) : new Map();
        const lines = summarise(results, smoothed);
        await mkdir(flags.out, { recursive: true });
        await writeFile(path.join(flags.out, 'results.csv'), toCsv(results, smoothed));
        const pictures = flags.maps ? await drawMaps(session, scene!, lines, progress) : [];
        await writeFile(path.join(flags.out, 'report.html'), renderStudy(plan, lines, pictures, truth));
        progress.stop();
        printResult(flags.json, lines, [
          ...table(reach > 0 ? [...columns, 'smoothed OA'] : columns, lines.map(describeLine)),
          `see ${path.join(flags.out, 'report.html')}`,
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}

/** @throws FIELD_INVALID */
async function planStudy(
  { trainings, signal, config: { backbone } }: Session,
  scene: Scene,
  flags: StudyFlags,
  settings: readonly string[],
): Promise<StudyPlan> {
  const { methods } = await callUnary(trainings, 'listMethods', { backbone }, { signal });
  const baselines = methods.filter(({ kind }) => kind === MethodKind.METHOD_KIND_BASELINE).map(({ name }) => name);
  const list = (given: string): string[] =>
    given.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
  const isOfMethod = (setting: string): boolean => setting.slice(0, Math.max(0, setting.indexOf('='))).includes(':');
  const methodSettings: Record<string, Record<string, string>> = {};
  for (const setting of settings.filter(isOfMethod)) {
    const colon = setting.indexOf(':');
    const method = setting.slice(0, colon);
    methodSettings[method] = { ...methodSettings[method], ...parseSettings([setting.slice(colon + 1)]) };
  }
  const split = flags.split ?? (flags.preset === undefined ? '50:15' : undefined);
  if (split !== undefined) parseSplit(split, 1);
  const lambdas = list(flags.lambdas).map(Number);
  if (lambdas.some((lambda) => !(lambda > 0))) {
    throw failure('FIELD_INVALID', { field: '--lambdas', reason: `${flags.lambdas} are not numbers above 0` });
  }
  return {
    scene: scene.name,
    sceneDigest: scene.digest,
    methods: list(flags.methods),
    baselines,
    seeds: list(flags.seeds).map((seed) => wholeNumber('--seeds', seed)),
    backbones: flags.backbones === undefined ? [backbone] : list(flags.backbones),
    lambdas,
    split,
    preset: flags.preset ?? '',
    patchSize: wholeNumber('--patch-size', flags.patchSize),
    settings: parseSettings(settings.filter((setting) => !isOfMethod(setting))),
    methodSettings,
  };
}

/** Labels of a run's test pixels, from the map that the split takes them from. */
async function labelsOfTests(
  session: Session,
  scene: Scene,
  { split }: StudyPlan,
  results: readonly RunResult[],
): Promise<(run: RunResult) => Uint8Array> {
  const kind = split === undefined ? undefined : parseSplit(split, results[0]!.seed).kind;
  const labelMap = kind?.$case === 'labelMaps' ? kind.value.test : '';
  const labels = await readLabelMap(session, scene, labelMap);
  return ({ testPixels }) => Uint8Array.from(testPixels, (pixel) => labels[pixel]!);
}

/**
 * Maps of each method, first seed: of the whole scene where the services hold the backbone, else of the test pixels.
 */
async function drawMaps(
  session: Session,
  scene: Scene,
  lines: readonly StudyLine[],
  progress: Progress,
): Promise<StudyPicture[]> {
  const { tiles, signal } = session;
  const { backbone } = await callUnary(tiles, 'getStatus', {}, { signal });
  const { height, width } = scene.raster!;
  const maps: PixelMap[] = [];
  for (const { label, method, lambda, runs } of lines) {
    if (lambda !== undefined) continue;
    const run = runs[0]!;
    if (run.adapter !== '' && run.backbone === backbone && method !== 'full') {
      const { labels } = await classifyScene(session, scene, run.adapter, progress);
      maps.push({ title: label, height, width, values: labels });
      continue;
    }
    maps.push({ title: `${label} (test pixels)`, height, width, values: testMap(run, scene.raster!) });
  }
  const names = lines[0]!.runs[0]!.metrics.perClass.map(({ name }) => name);
  const classes = completeClasses(scene.classes, names.length).map((found, index) => ({
    ...found,
    name: names[index] ?? found.name,
  }));
  const pairs = Array.from({ length: Math.ceil(maps.length / 2) }, (_, pair) => maps.slice(2 * pair, 2 * pair + 2));
  return pairs.map((pair) => ({ title: pair.map(({ title }) => title).join(', '), png: drawLabelMaps(pair, classes) }));
}

function describeLine(line: StudyLine): string[] {
  const { label, runs, overallAccuracy, averageAccuracy, kappa, seconds, smoothedAccuracy } = line;
  const percent = ({ mean, deviation }: { mean: number; deviation: number }): string =>
    `${(100 * mean).toFixed(2)} ± ${(100 * deviation).toFixed(2)}`;
  return [
    label,
    percent(overallAccuracy),
    percent(averageAccuracy),
    `${kappa.mean.toFixed(3)} ± ${kappa.deviation.toFixed(3)}`,
    String(runs[0]!.parameters),
    seconds.mean.toFixed(0),
    ...(smoothedAccuracy === undefined ? [] : [percent(smoothedAccuracy)]),
  ];
}
