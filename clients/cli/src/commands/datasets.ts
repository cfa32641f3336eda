import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { writeNpy } from '@hyperswap/raster';
import { fetchIndianPines } from '../datasets/indian-pines.js';
import { readPublishedSplit } from '../datasets/indian-pines-splits.js';
import { configure, type GlobalFlags } from '../session.js';
import { printResult } from '../terminal.js';

const available = ['indian-pines'];

export function addDatasetCommands(program: Command): void {
  const datasets = program.command('datasets').description('fetch public scenes and their splits');

  datasets
    .command('fetch')
    .argument('<name>', available.join(', '))
    .description('fetch a scene and its labels, checked and repaired')
    .action(async (dataset: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      requireKnown(dataset);
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

  datasets
    .command('split')
    .argument('<name>', available.join(', '))
    .requiredOption('--from <dir>', 'folder with the two files of a published split (docs/datasets.md)')
    .option('--out <dir>', 'folder for a label map for training and one for the test', '.')
    .description('make label maps of a published split, in the numbering of the ground truth')
    .action(async (dataset: string, own: { readonly from: string; readonly out: string }, command: Command) => {
      const { json } = command.optsWithGlobals<GlobalFlags>();
      requireKnown(dataset);
      const { height, width, maps } = await readPublishedSplit(own.from);
      await mkdir(own.out, { recursive: true });
      const written: { name: string; file: string; pixels: number }[] = [];
      for (const [name, values] of maps) {
        const file = path.join(own.out, `${name}.npy`);
        await writeFile(file, writeNpy({ shape: [height, width], values }));
        written.push({ name, file, pixels: values.filter((label) => label > 0).length });
      }
      const names = written.map(({ name }) => name);
      printResult(json, written, [
        ...written.map(({ file, pixels }) => `${file}: ${pixels} pixels`),
        `Prepare the scene with ${written.map(({ name, file }) => `--labels ${name}=${file}`).join(' ')}, and train with --split ${names.join('/')}.`,
      ]);
    });
}

/** @throws DATASET_UNKNOWN */
function requireKnown(dataset: string): void {
  if (!available.includes(dataset)) throw failure('DATASET_UNKNOWN', { dataset, available: available.join(', ') });
}

/** Folder of fetched datasets. */
export function datasetDirectory(home: string): string {
  return path.join(home, 'datasets');
}
