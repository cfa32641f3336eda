import path from 'node:path';
import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { fetchIndianPines } from '../datasets/indian-pines.js';
import { configure, type GlobalFlags } from '../session.js';
import { printResult } from '../terminal.js';

const available = ['indian-pines'];

export function addDatasetCommands(program: Command): void {
  program
    .command('datasets')
    .description('public scenes')
    .command('fetch')
    .argument('<name>', available.join(', '))
    .description('get a scene and its labels, checked and repaired')
    .action(async (dataset: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      if (!available.includes(dataset)) {
        throw failure('DATASET_UNKNOWN', { dataset, available: available.join(', ') });
      }
      const { config } = configure(flags, 'error');
      const files = await fetchIndianPines(datasetDirectory(config.home));
      printResult(flags.json, files, [
        files.repaired === undefined
          ? 'It is here already.'
          : `Fetched, checked, and ${files.repaired} values repaired (docs/datasets.md).`,
        `scene  ${files.scene}`,
        `labels ${files.labels}`,
        files.attribution,
      ]);
    });
}

/** Folder of fetched datasets. */
export function datasetDirectory(home: string): string {
  return path.join(home, 'datasets');
}
