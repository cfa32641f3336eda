import type { Command } from 'commander';
import { Normalizer } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { withSession } from '../session.js';
import { table } from '../terminal.js';

const normalizerNames: Readonly<Record<Normalizer, string>> = {
  [Normalizer.NORMALIZER_UNSPECIFIED]: '',
  [Normalizer.NORMALIZER_SCENE]: 'scene',
  [Normalizer.NORMALIZER_BIGEARTHNET]: 'bigearthnet',
  [Normalizer.NORMALIZER_MIN_MAX]: 'min-max',
  [Normalizer.UNRECOGNIZED]: '',
};

/** Adds the commands that list what `train` takes: methods with their settings, and presets. */
export function addMethodCommands(program: Command): void {
  program
    .command('presets')
    .description('list the paper’s settings of known scenes')
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
    .description('list the methods that can be trained, with their settings')
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
