import type { Command } from 'commander';
import type { TrainingFinished } from '@hyperswap/proto';
import { toMilliseconds } from '@hyperswap/rpc';
import { describeMeasurement } from '../report/measurement.js';
import { describeAccuracy, referenceOf, shortMetrics } from '../report/report.js';
import { transductive } from '../report/transductive.js';
import { openSession, type GlobalFlags } from '../session.js';
import { parseTrainingSplit, trainingSplitHelp } from '../split.js';
import { printResult, Progress } from '../terminal.js';
import { trainAdapter } from '../training.js';
import { calibrationHelp, collect, parseSettings, wholeNumber } from './options.js';

interface TrainFlags extends GlobalFlags {
  readonly scene: string;
  readonly method: string;
  readonly adapter?: string;
  readonly split?: string;
  readonly preset?: string;
  readonly seed: string;
  readonly patchSize: string;
  readonly resume?: boolean;
  readonly validate?: boolean;
  readonly calibrate?: boolean;
  readonly diffuse?: string;
  readonly set: readonly string[];
}

export function addTrainCommand(program: Command): void {
  program
    .command('train')
    .description('train an adapter on the labelled pixels of a prepared scene')
    .requiredOption('--scene <name>', 'prepared scene with labels')
    .option('--adapter <name>', 'name of the adapter; every training makes a new version')
    .option('--method <name>', 'how the adapter learns; "hyperswap methods" lists them', 'krona+')
    .option('--preset <name>', 'the paper’s settings of a known scene; see "hyperswap presets"')
    .option('--split <split>', `${trainingSplitHelp} (the preset’s, or 50:15)`)
    .option('--patch-size <pixels>', 'odd side of a patch; 0 for the preset’s or 15; auto to choose by validation', '0')
    .option('--resume', 'continue from the last checkpoint of an earlier run')
    .option('--validate', 'evaluate on a part of the training pixels and register nothing: for choosing settings')
    .option('--calibrate', calibrationHelp)
    .option(
      '--diffuse <reach>',
      'average features along walks within one spectrum before the head, about so many pixels far; auto for a reach that training pixels choose. Such an adapter classifies whole scenes only',
    )
    .option('--seed <number>', 'seed of the split, the start and the order', '1')
    .option('--set <key=value>', 'a setting, such as learningRate=0.003; repeatable', collect, [])
    .action(async (own: TrainFlags, command: Command) => {
      const flags = command.optsWithGlobals<TrainFlags>();
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const seed = wholeNumber('--seed', flags.seed);
        const result = await trainAdapter(
          session,
          {
            scene: flags.scene,
            method: flags.method,
            adapter: flags.adapter ?? '',
            backbone: session.config.backbone,
            split:
              flags.split === undefined && flags.preset !== undefined
                ? undefined
                : parseTrainingSplit(flags.split ?? '50:15', seed),
            settings: parseSettings([
              ...own.set,
              ...(own.calibrate === true ? ['calibrate=true'] : []),
              ...(own.diffuse === undefined ? [] : [`diffuse=${own.diffuse}`]),
            ]),
            seed,
            preset: flags.preset ?? '',
            patchSize: flags.patchSize === 'auto' ? 0 : wholeNumber('--patch-size', flags.patchSize),
            choosePatchSize: flags.patchSize === 'auto',
            resume: flags.resume === true,
            validateOnly: flags.validate === true,
          },
          progress,
        );
        progress.stop();
        printResult(flags.json, result, describeTraining(result, flags));
      } finally {
        progress.stop();
        await session.close();
      }
    });
}

function describeTraining(result: TrainingFinished, { scene, method, validate }: TrainFlags): string[] {
  const { adapter, metrics, elapsed, parameters, patchSize, newBackbone, calibration } = result;
  const seconds = toMilliseconds(elapsed) / 1000;
  const accuracies =
    metrics === undefined ? 'not tested, as all labelled pixels train' : describeAccuracy(shortMetrics(metrics));
  const measured = metrics === undefined ? [] : describeMeasurement(metrics, calibration);
  const { diffuse } = result.chosenSettings;
  const diffused = diffuse === undefined ? [] : [`features diffused with reach ${diffuse}`];
  const size = `${parameters} ${adapter === undefined ? 'values' : 'learned values'}, patch size ${patchSize}`;
  if (adapter === undefined) {
    const what = validate === true ? 'on validation pixels' : 'a baseline';
    return [
      `${method} (${what}, nothing was registered): ${accuracies}`,
      ...(result.sawTestSpectra ? [`${method} ${transductive}`] : []),
      ...(result.note === '' ? [] : [`${method}: ${result.note}`]),
      ...measured,
      ...diffused,
      `${size}, ${seconds.toFixed(1)} s`,
    ];
  }
  return [
    `${referenceOf(adapter)}: ${accuracies}`,
    ...measured,
    ...diffused,
    `${size}, ${(adapter.bytes / 1e6).toFixed(3)} MB, ${seconds.toFixed(1)} s`,
    ...(newBackbone === ''
      ? []
      : [
          `It belongs to the new backbone ${newBackbone}: serve it with "hyperswap --backbone ${newBackbone} up", or name that backbone to classify.`,
        ]),
    '',
    'Next:',
    `  hyperswap ${newBackbone === '' ? '' : `--backbone ${newBackbone} `}classify --scene ${scene} --adapter ${adapter.name} --out out/${scene}`,
    '      makes the land-cover map',
    `  hyperswap adapters show ${referenceOf(adapter)}`,
    '      shows its accuracies and how it was trained',
  ];
}
