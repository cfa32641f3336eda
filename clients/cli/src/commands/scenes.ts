import path from 'node:path';
import type { Command } from 'commander';
import type { LandCoverClass, Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { percent } from '../report/report.js';
import { openSession, withSession, type GlobalFlags } from '../session.js';
import { printResult, Progress, table } from '../terminal.js';
import { fileToUpload, uploadScene, type LabelsToUpload } from '../upload.js';
import { collect } from './options.js';

interface PrepareFlags extends GlobalFlags {
  readonly labels: readonly string[];
  readonly name?: string;
  readonly variable?: string;
  readonly class: readonly string[];
  readonly attribution?: string;
  readonly replace?: boolean;
  readonly bandsFirst?: boolean;
  readonly keepBands?: boolean;
}

export function addSceneCommands(program: Command): void {
  const scenes = program.command('scenes').description('prepare, list and delete scenes');

  scenes
    .command('prepare')
    .argument('<file>', 'NumPy .npy, MATLAB v5 .mat or TIFF of height × width × bands')
    .option(
      '--labels <[map=]file or [map=]:variable>',
      'labels: a map, a table of row,column,label, or GeoJSON; repeat for several',
      collect,
      [],
    )
    .option('--name <name>', 'name of the scene (the file’s by default)')
    .option('--variable <key>', 'variable of the scene in a file that holds several')
    .option('--class <name[#rrggbb]>', 'name and colour of the next class; repeat', collect, [])
    .option('--attribution <text>', 'source and licence, kept with the scene')
    .option('--replace', 'put it in place of another scene of the name')
    .option('--bands-first', 'the file is bands × height × width')
    .option('--keep-bands', 'no PCA: the 12 bands as they are')
    .description('reduce a scene to 12 components and keep it')
    .action(async (file: string, own: PrepareFlags, command: Command) => {
      const flags = command.optsWithGlobals<PrepareFlags>();
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const scene = await uploadScene(
          session,
          {
            name: flags.name ?? defaultName(file),
            file: await fileToUpload(file),
            variable: flags.variable,
            labels: await Promise.all(own.labels.map(parseLabels)),
            classes: own.class.map(parseClass),
            attribution: flags.attribution,
            replace: flags.replace,
            bandsFirst: flags.bandsFirst,
            keepBands: flags.keepBands,
          },
          progress,
        );
        progress.stop();
        printResult(flags.json, scene, describeScene(scene));
      } finally {
        progress.stop();
        await session.close();
      }
    });

  scenes
    .command('list')
    .description('scenes that are prepared')
    .action((_: unknown, command: Command) =>
      withSession(
        command,
        async ({ scenes: service, signal }) => {
          const request = { pageSize: 1000, pageToken: '' };
          return (await callUnary(service, 'listScenes', request, { signal })).scenes;
        },
        (all) => {
          const rows = all.map(({ name, raster, labelMaps }) => [
            name,
            `${raster!.height} × ${raster!.width} × ${raster!.bands}`,
            labelMaps.map((map) => map.name).join(', '),
          ]);
          return table(['scene', 'size', 'labels'], rows);
        },
      ),
    );

  scenes
    .command('show')
    .argument('<name>')
    .description('one scene')
    .action((name: string, _: unknown, command: Command) =>
      withSession(
        command,
        async ({ scenes: service, signal }) => (await callUnary(service, 'getScene', { name }, { signal })).scene!,
        describeScene,
      ),
    );

  scenes
    .command('delete')
    .argument('<name>')
    .description('forget a scene')
    .action((name: string, _: unknown, command: Command) =>
      withSession(
        command,
        async ({ scenes: service, signal }) => {
          await callUnary(service, 'deleteScene', { name }, { signal });
          return { deleted: name };
        },
        ({ deleted }) => [`Deleted ${deleted}.`],
      ),
    );
}

/** The file's name without its ending, made a valid name. */
function defaultName(file: string): string {
  const stem = path.basename(file, path.extname(file)).toLowerCase();
  return stem.replaceAll(/[^a-z0-9._-]+/g, '-').replace(/^[^a-z0-9]+/, '');
}

/** Reads `file`, `map=file` or `map=:variable`, the latter a variable of the scene's own file. */
async function parseLabels(given: string): Promise<LabelsToUpload> {
  const split = given.indexOf('=');
  const name = split < 0 ? 'labels' : given.slice(0, split);
  const source = given.slice(split + 1);
  if (source.startsWith(':')) return { name, file: undefined, variable: source.slice(1) };
  return { name, file: await fileToUpload(source) };
}

function parseClass(given: string): LandCoverClass {
  const match = /^(.*?)(?:#([0-9a-fA-F]{6}))?$/.exec(given)!;
  return { name: match[1]!, color: match[2] === undefined ? undefined : Number.parseInt(match[2], 16) };
}

function describeScene(scene: Scene): string[] {
  const { height, width, bands } = scene.raster!;
  const explained = scene.explainedVarianceRatio.reduce((sum, share) => sum + share, 0);
  return [
    `${scene.name}: ${height} × ${width} pixels, ${bands} bands, ${scene.components} components (${percent(explained)} of the variance)`,
    ...scene.labelMaps.map(({ name, labelledPixels }) => `labels ${name}: ${labelledPixels} pixels`),
    ...(scene.classes.length > 0 ? [`classes: ${scene.classes.map(({ name }) => name).join(', ')}`] : []),
    ...(scene.attribution === '' ? [] : [scene.attribution]),
  ];
}
