import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import type { Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import {
  completeClasses,
  drawLabelMaps,
  type AccuracyDifference,
  type PairedDifference,
  type PixelMap,
  type Spread,
} from '@hyperswap/map';
import { openSession, type GlobalFlags, type Session } from '../session.js';
import { splitHelp } from '../split.js';
import { planStudy, type StudyOptions } from '../study/study-plan.js';
import { smoothRuns } from '../study/smooth-runs.js';
import { renderStudy, type StudyPicture } from '../study/study-report.js';
import {
  blockGrid,
  differenceOf,
  differencesCsv,
  inPoints,
  pretrainingWorth,
  type BlockGrid,
  type Truth,
} from '../study/paired.js';
import { runStudy, splitOf, testMap, type RunResult, type StudyPlan } from '../study/study-runs.js';
import { summarise, toCsv, type SmoothedRuns, type StudyLine } from '../study/study-summary.js';
import { marked, noteMark, transductive, transductiveMark } from '../report/transductive.js';
import { printResult, Progress, table } from '../terminal.js';
import { readLabelMap } from '../labels.js';
import { classifyScene } from '../scene-jobs.js';
import { calibrationHelp, collect, smoothingReach } from './options.js';

interface StudyFlags extends GlobalFlags, StudyOptions {
  readonly scene: string;
  readonly out: string;
  readonly set: readonly string[];
  readonly maps: boolean;
  readonly smooth: string;
}

const paperMethods = 'knn,svm,spectralformer,linear-probe,bitfit,lora,lora+,lokr,krona,krona+,full';

const columns = ['method', 'OA', 'overlap', 'AA', 'kappa', 'ECE', 'values', 'seconds'];

export function addStudyCommand(program: Command): void {
  program
    .command('study')
    .description('compute the paper’s tables for a scene: methods × seeds; resumes after an interruption')
    .requiredOption('--scene <name>', 'prepared scene with labels')
    .option('--methods <names>', 'methods, separated by commas', paperMethods)
    .option('--seeds <numbers>', 'seeds, separated by commas', '1,2,3')
    .option(
      '--backbones <names>',
      'backbones to compare, separated by commas; “random” is the structure of the first one with random weights, which shows the gain of the pretraining; the configured one by default',
    )
    .option('--lambdas <numbers>', 'values of lambda to try for the "+" methods, separated by commas', '')
    .option('--preset <name>', 'the paper’s settings of a known scene')
    .option('--split <split>', `${splitHelp} (the preset’s, or 50:15)`)
    .option('--patch-size <pixels>', 'odd side of a patch; 0 for the preset’s or 15', '0')
    .option('--set <[method:]key=value>', 'a setting of all methods or of one; repeatable', collect, [])
    .option(
      '--control-patches <sizes>',
      'patch sizes at which svm and linear-probe run too, as controls that see little more than a spectrum; empty for none',
      '1,3',
    )
    .option('--calibrate', calibrationHelp)
    .option('--smooth <pixels>', 'show the accuracies of smoothed maps too, as "classify --smooth" makes them', '0')
    .option('--no-maps', 'leave out the maps of the whole scene')
    .option('--out <dir>', 'folder for results.csv, differences.csv, report.html and a file for each run', 'out/study')
    .action(async (own: StudyFlags, command: Command) => {
      const flags = command.optsWithGlobals<StudyFlags>();
      const reach = smoothingReach(own.smooth);
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const { scenes, signal } = session;
        // The study trains on, reads and draws only this content of the scene.
        const { scene } = await callUnary(scenes, 'getScene', { name: flags.scene }, { signal });
        const plan = await planStudy(session, scene!, flags, own.set);
        const results = await runStudy(session, plan, path.join(flags.out, 'runs'), progress);
        const truth = await labelsOfTests(session, scene!, plan, results);
        const smoothed: SmoothedRuns =
          reach > 0 ? await smoothRuns(session, scene!, results, truth, reach, progress) : new Map();
        const lines = summarise(results, smoothed, plan.baselines);
        await mkdir(flags.out, { recursive: true });
        await writeFile(path.join(flags.out, 'results.csv'), toCsv(results, smoothed));
        const grid = blockGrid(scene!.raster!);
        await writeFile(path.join(flags.out, 'differences.csv'), differencesCsv(lines, truth, grid));
        const pictures = flags.maps ? await drawMaps(session, scene!, lines, progress) : [];
        await writeFile(
          path.join(flags.out, 'report.html'),
          renderStudy({ plan, lines, pictures, classes: namesOf(scene!, lines), truth, grid }),
        );
        progress.stop();
        printResult(flags.json, lines, [
          ...table(reach > 0 ? [...columns, 'smoothed OA'] : columns, lines.map(describeLine)),
          ...lines
            .filter(({ sawTestSpectra }) => sawTestSpectra)
            .map(({ label }) => `${transductiveMark} ${label} ${transductive}`),
          ...lines.flatMap(({ label, notes }) => notes.map((note) => `${noteMark} ${label}: ${note}`)),
          ...describeDifferences(lines, truth, grid),
          ...describePretraining(lines, truth, grid),
          `see ${path.join(flags.out, 'report.html')}`,
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}

/** Returns the class names of the scene, or those that the runs were given where the scene has none. */
function namesOf({ classes }: Scene, lines: readonly StudyLine[]): string[] {
  const given = lines[0]!.runs[0]!.metrics.perClass;
  const isNamed = ({ name }: { readonly name: string }, index: number): boolean => name !== `class ${index + 1}`;
  const names = classes.some(isNamed) ? classes : given;
  return given.map(({ name }, index) => names[index]?.name ?? name);
}

/** Describes how each method differs from the support-vector machine, or from the first method where there is none. */
function describeDifferences(lines: readonly StudyLine[], truth: Truth, grid: BlockGrid): string[] {
  const reference = lines.find(({ label }) => label === 'svm') ?? lines[0]!;
  const rows = lines.flatMap((line) => {
    const found = line === reference ? undefined : differenceOf(line, reference, truth, grid);
    return found === undefined ? [] : [[line.label, ...withInterval(found)]];
  });
  return rows.length === 0 ? [] : table([`less ${reference.label}`, ...differenceColumns], rows);
}

const differenceColumns = ['points of OA', '95 % interval', 'points of AA', '95 % interval'];

/** Describes the gain of the pretraining: each method less itself on random weights. */
function describePretraining(lines: readonly StudyLine[], truth: Truth, grid: BlockGrid): string[] {
  const rows = pretrainingWorth(lines, truth, grid).map(({ label, found }) => [label, ...withInterval(found)]);
  return rows.length === 0 ? [] : table(['less the same on random weights', ...differenceColumns], rows);
}

function withInterval(found: PairedDifference): string[] {
  const told = ({ difference, low, high }: AccuracyDifference): string[] => [
    inPoints(difference),
    `${inPoints(low)} to ${inPoints(high)}`,
  ];
  return [...told(found), ...told(found.average)];
}

/** Reads the labels of test pixels, from the map that the split takes them from. */
async function labelsOfTests(
  session: Session,
  scene: Scene,
  plan: StudyPlan,
  results: readonly RunResult[],
): Promise<Truth> {
  const kind = splitOf(plan, results[0]!.seed)?.kind;
  const labelMap = kind?.$case === 'labelMaps' ? kind.value.test : (kind?.value.labelMap ?? '');
  const labels = await readLabelMap(session, scene, labelMap);
  return ({ testPixels }) => Uint8Array.from(testPixels, (pixel) => labels[pixel]!);
}

/**
 * Draws maps of each method, first seed: of the whole scene where the services hold the backbone, else of the test
 * pixels.
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
  for (const { label, method, lambda, control, runs } of lines) {
    if (lambda !== undefined || control !== undefined) continue;
    const run = runs[0]!;
    if (run.adapter !== '' && run.backbone === backbone && method !== 'full') {
      const { labels } = await classifyScene(session, scene, run.adapter, progress);
      maps.push({ title: label, height, width, values: labels });
      continue;
    }
    maps.push({ title: `${label} (test pixels)`, height, width, values: testMap(run, scene.raster!) });
  }
  const names = namesOf(scene, lines);
  const classes = completeClasses(scene.classes, names.length).map((found, index) => ({
    ...found,
    name: names[index] ?? found.name,
  }));
  const pairs = Array.from({ length: Math.ceil(maps.length / 2) }, (_, pair) => maps.slice(2 * pair, 2 * pair + 2));
  return pairs.map((pair) => ({ title: pair.map(({ title }) => title).join(', '), png: drawLabelMaps(pair, classes) }));
}

function describeLine(line: StudyLine): string[] {
  const { runs, overallAccuracy, averageAccuracy, kappa, seconds, smoothedAccuracy } = line;
  const percentOf = ({ mean, deviation }: Spread): string =>
    `${(100 * mean).toFixed(2)} ± ${(100 * deviation).toFixed(2)}`;
  const known = ({ mean, count }: Spread): string => (count === 0 ? '' : `${(100 * mean).toFixed(1)} %`);
  return [
    marked(line),
    percentOf(overallAccuracy),
    known(line.patchOverlap),
    percentOf(averageAccuracy),
    `${kappa.mean.toFixed(3)} ± ${kappa.deviation.toFixed(3)}`,
    known(line.calibrationError),
    String(runs[0]!.parameters),
    seconds.mean.toFixed(0),
    ...(smoothedAccuracy === undefined ? [] : [percentOf(smoothedAccuracy)]),
  ];
}
