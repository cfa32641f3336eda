import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { callUnary, toMilliseconds } from '@hyperswap/rpc';
import { renderLossCurve } from '../report/loss-curve.js';
import { openSession, type GlobalFlags } from '../session.js';
import { printResult, Progress } from '../terminal.js';
import { watchPretraining } from '../training.js';
import { collect, parseSettings, wholeNumber } from './options.js';

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

export function addPretrainCommand(program: Command): void {
  program
    .command('pretrain')
    .description('pretrain a backbone on unlabelled prepared scenes, as a masked autoencoder')
    .option('--scene <name>', 'prepared scene; repeatable', collect, [])
    .option('--simulated <count>', 'number of simulated scenes to add', '0')
    .option('--size <name>', 'size of the backbone: mini, base, large, huge', 'mini')
    .option('--from <backbone>', 'backbone to start from, with its size: continued pretraining on your own scenes')
    .option('--resume', 'continue from the last checkpoint of an earlier run')
    .option('--curve <file>', 'file for the loss curve, SVG')
    .requiredOption('--name <name>', 'name of the backbone')
    .option('--seed <number>', 'seed of the start, the patches and the masks', '1')
    .option(
      '--set <key=value>',
      'a setting, such as steps=1000; weights=random takes only the structure of --from; repeatable',
      collect,
      [],
    )
    .action(async (own: PretrainFlags, command: Command) => {
      const flags = command.optsWithGlobals<PretrainFlags>();
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const request = {
          scenes: [...own.scene],
          sceneDigests: [],
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
        if (flags.curve !== undefined && steps > 0)
          await writeFile(
            flags.curve,
            `${renderLossCurve(lossByStep, lossByStep.length === steps ? 'step' : `${Math.round(steps / lossByStep.length)} steps`)}\n`,
          );
        printResult(flags.json, result, [
          `${backbone} ${digest.slice(0, 12)}: ${parameters} parameters, ${steps === 0 ? 'random weights' : `loss ${lossByStep.at(-1)!.toFixed(3)} after ${steps} steps`}, ${seconds.toFixed(0)} s`,
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}
