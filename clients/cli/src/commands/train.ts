import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { Normalizer, type TrainingFinished } from '@hyperswap/proto';
import { callUnary, toMilliseconds } from '@hyperswap/rpc';
import { renderLossCurve } from '../report/loss-curve.js';
import { percent, referenceOf } from '../report/report.js';
import { openSession, withSession, type GlobalFlags } from '../session.js';
import { parseSplit, splitHelp } from '../split.js';
import { printResult, Progress, table } from '../terminal.js';
import { trainAdapter, watchPretraining } from '../training.js';
import { collect, parseSettings, wholeNumber } from './options.js';

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
  readonly set: readonly string[];
}

interface PretrainFlags extends GlobalFlags {
  readonly scene: readonly string[];
  readonly simulated: string;
  readonly size: string;
  readonly from?: string;
  readonly resume?: boolean;
  readonly curve?: string;
  readonly name: string;
  readonly seed: string;
  readonly set: readonly string[];
}

const normalizerNames: Readonly<Record<Normalizer, string>> = {
  [Normalizer.NORMALIZER_UNSPECIFIED]: '',
  [Normalizer.NORMALIZER_SCENE]: 'scene',
  [Normalizer.NORMALIZER_BIGEARTHNET]: 'bigearthnet',
  [Normalizer.NORMALIZER_MIN_MAX]: 'min-max',
  [Normalizer.UNRECOGNIZED]: '',
};

export function addTrainingCommands(program: Command): void {
  program
    .command('train')
    .description('fine-tune an adapter on labelled pixels of a prepared scene')
    .requiredOption('--scene <name>')
    .option('--adapter <name>', 'name of the adapter; every training makes a new version')
    .option('--method <name>', 'see "hyperswap methods"', 'krona+')
    .option('--preset <name>', 'the paper’s settings of a known scene; see "hyperswap presets"')
    .option('--split <split>', `${splitHelp} (the preset’s, or 50:15)`)
    .option('--patch-size <pixels>', 'odd side of a patch; 0 for the preset’s or 15; auto to choose by validation', '0')
    .option('--resume', 'go on at the last checkpoint of an earlier run')
    .option('--validate', 'evaluate on a part of the training pixels and register nothing: for choosing settings')
    .option('--seed <number>', 'of the split, the start and the order', '1')
    .option('--set <key=value>', 'a setting, as learningRate=0.003; repeat', collect, [])
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
                : parseSplit(flags.split ?? '50:15', seed),
            settings: parseSettings(own.set),
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

  program
    .command('pretrain')
    .description('pretrain a backbone on unlabelled prepared scenes, as a masked autoencoder')
    .option('--scene <name>', 'a scene; repeat', collect, [])
    .option('--simulated <count>', 'made-up scenes to add', '0')
    .option('--size <name>', 'mini, base, large, huge', 'mini')
    .option('--from <backbone>', 'backbone to go on from, with its size: continued pretraining on your own scenes')
    .option('--resume', 'go on at the last checkpoint of an earlier run')
    .option('--curve <file>', 'gets the loss curve, SVG')
    .requiredOption('--name <name>', 'name of the backbone')
    .option('--seed <number>', 'of the start, the patches and the masks', '1')
    .option('--set <key=value>', 'a setting, as steps=1000; repeat', collect, [])
    .action(async (own: PretrainFlags, command: Command) => {
      const flags = command.optsWithGlobals<PretrainFlags>();
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const request = {
          scenes: [...own.scene],
          simulatedScenes: wholeNumber('--simulated', flags.simulated),
          size: flags.size,
          backbone: flags.name,
          settings: parseSettings(own.set),
          seed: wholeNumber('--seed', flags.seed),
          from: flags.from ?? '',
          resume: flags.resume === true,
        };
        const { trainings, signal } = session;
        const { training } = await callUnary(trainings, 'startPretraining', request, { signal });
        const result = await watchPretraining(session, training, progress);
        progress.stop();
        const { backbone, digest, parameters, lossByStep, steps, elapsed } = result;
        const seconds = toMilliseconds(elapsed) / 1000;
        if (flags.curve !== undefined)
          await writeFile(
            flags.curve,
            `${renderLossCurve(lossByStep, lossByStep.length === steps ? 'step' : `${Math.round(steps / lossByStep.length)} steps`)}\n`,
          );
        printResult(flags.json, result, [
          `${backbone} ${digest.slice(0, 12)}: ${parameters} parameters, loss ${lossByStep.at(-1)!.toFixed(3)} after ${steps} steps, ${seconds.toFixed(0)} s`,
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });

  program
    .command('presets')
    .description('the paper’s settings of known scenes')
    .action((_: unknown, command: Command) =>
      withSession(
        command,
        async ({ trainings, signal }) => (await callUnary(trainings, 'listPresets', {}, { signal })).presets,
        (presets) => {
          const rows = presets.map(({ name, patchSize, normalizer, classes, counts }) => [
            name,
            String(patchSize),
            normalizerNames[normalizer],
            String(classes.length),
            String(counts.reduce((sum, count) => sum + count, 0)),
          ]);
          return table(['preset', 'patch', 'normaliser', 'classes', 'training pixels'], rows);
        },
        ['trainer'],
      ),
    );

  program
    .command('methods')
    .description('methods that can be trained, with their settings on a backbone')
    .action((_: unknown, command: Command) =>
      withSession(
        command,
        async ({ trainings, signal, config }) =>
          (await callUnary(trainings, 'listMethods', { backbone: config.backbone }, { signal })).methods,
        (methods) => {
          const rows = methods.map(({ name, parameters, settings, description }) => [
            name,
            String(parameters),
            Object.entries(settings)
              .map(([key, value]) => `${key}=${value}`)
              .join(' '),
            description,
          ]);
          return table(['method', 'values', 'settings', 'what it is'], rows);
        },
      ),
    );
}

function describeTraining(result: TrainingFinished, { method, validate }: TrainFlags): string[] {
  const { adapter, metrics, elapsed, parameters, patchSize, newBackbone } = result;
  const seconds = toMilliseconds(elapsed) / 1000;
  const accuracies = `OA ${percent(metrics!.overallAccuracy)}, AA ${percent(metrics!.averageAccuracy)}, kappa ${metrics!.kappa.toFixed(4)}`;
  const size = `${parameters} ${adapter === undefined ? 'values' : 'learned values'}, patch size ${patchSize}`;
  if (adapter === undefined) {
    const what = validate === true ? 'on validation pixels' : 'a baseline';
    return [`${method} (${what}, nothing was registered): ${accuracies}`, `${size}, ${seconds.toFixed(1)} s`];
  }
  return [
    `${referenceOf(adapter)}: ${accuracies}`,
    `${size}, ${(adapter.bytes / 1e6).toFixed(3)} MB, ${seconds.toFixed(1)} s`,
    ...(newBackbone === ''
      ? []
      : [
          `It belongs to the new backbone ${newBackbone}: serve it with "hyperswap --backbone ${newBackbone} up", or name that backbone to classify.`,
        ]),
  ];
}
