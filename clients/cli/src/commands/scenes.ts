import type { Command } from 'commander';
import type { Georeference, LabelMap, LandCoverClass, Scene } from '@hyperswap/proto';
import { describeBands, readClassTable, type LabelOptions } from '@hyperswap/raster';
import { callUnary } from '@hyperswap/rpc';
import { allPages } from '../all-pages.js';
import { describeHistogram, sceneHistogram } from '../look/histogram.js';
import { percent } from '../report/report.js';
import { openSession, withSession, type GlobalFlags } from '../session.js';
import { printResult, Progress, table, warn } from '../terminal.js';
import { sceneNameOf } from '../names.js';
import { isRemotePlace, remoteFile } from '../remote-scene.js';
import { fileToUpload, uploadScene, type LabelsToUpload } from '../upload.js';
import {
  addFileOptions,
  addLabelOptions,
  classMapping,
  labelOptions,
  readOptions,
  splitVariable,
  type FileFlags,
  type LabelFlags,
} from '../file-options.js';
import { addLookCommands } from './look.js';
import { collect } from './options.js';

interface PrepareFlags extends GlobalFlags, FileFlags, LabelFlags {
  readonly labels: readonly string[];
  readonly name?: string;
  readonly class: readonly string[];
  readonly attribution?: string;
  readonly replace?: boolean;
  readonly keepBands?: boolean;
  readonly pcaOf?: string;
  readonly resample?: boolean;
}

export function addSceneCommands(program: Command): void {
  const scenes = program.command('scenes').description('prepare, list, show and delete scenes');

  addLabelOptions(addFileOptions(scenes.command('prepare')))
    .argument(
      '<file>',
      'scene in any format that is read (docs/formats.md); FILE:VARIABLE for a file that holds several; a URL or store:KEY that the service reads itself',
    )
    .option(
      '--labels <[map=]file[:variable] or [map=]:variable>',
      'labels: a raster, a table of row,column,label, GeoJSON, a Shapefile, a GeoPackage or ENVI regions; repeatable',
      collect,
      [],
    )
    .option('--name <name>', 'name of the scene (the file’s by default)')
    .option('--class <name[#rrggbb]>', 'name and colour of the next class; repeatable', collect, [])
    .option('--attribution <text>', 'source and licence, kept with the scene')
    .option('--replace', 'replace another scene of that name')
    .option('--keep-bands', 'keep the 12 bands of the file as they are, without a PCA')
    .option('--pca-of <scene>', 'take the PCA of a prepared scene of the same sensor, so that its adapters fit')
    .option('--resample', 'with --pca-of: resample the spectra to the bands of that scene')
    .description('prepare a scene: reduce its bands to 12 components and store it')
    .action(async (given: string, own: PrepareFlags, command: Command) => {
      const flags = command.optsWithGlobals<PrepareFlags>();
      const { file: place, variable } = isRemotePlace(given)
        ? { file: given, variable: undefined }
        : splitVariable(given);
      const file = isRemotePlace(given) ? remoteFile(given) : await fileToUpload(place);
      const options = await readOptions(flags);
      const forLabels = labelOptions(flags);
      const scene = {
        name: flags.name ?? sceneNameOf(file.name),
        file,
        options: { ...options, variable: variable ?? options.variable },
        labels: await Promise.all(own.labels.map((labels) => parseLabels(labels, forLabels))),
        classes: own.class.map(parseClass),
        mapping: classMapping(flags.mapClasses),
        classTable: flags.classTable === undefined ? undefined : await readClassTable(flags.classTable),
        attribution: flags.attribution,
        replace: flags.replace,
        keepBands: flags.keepBands,
        pcaOf: flags.pcaOf,
        resample: flags.resample,
      };
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const prepared = await uploadScene(session, scene, progress);
        progress.stop();
        printResult(flags.json, prepared, describeScene(prepared));
      } finally {
        progress.stop();
        await session.close();
      }
    });

  scenes
    .command('list')
    .description('list the prepared scenes')
    .action((_: unknown, command: Command) =>
      withSession(
        command,
        async ({ scenes: service, signal }) => {
          const pages = await allPages((page) => callUnary(service, 'listScenes', page, { signal }));
          for (const { name, error } of pages.flatMap(({ damaged }) => damaged)) {
            warn(`scene ${name} cannot be read: ${error!.message}`);
          }
          return pages.flatMap((page) => page.scenes);
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
    .option('--histogram', 'count the values of valid pixels, in rows spread over the scene')
    .description('describe a scene: size, bands, labels, classes, georeference')
    .action((name: string, { histogram }: { histogram?: boolean }, command: Command) =>
      withSession(
        command,
        async (session) => {
          const { scenes: service, signal } = session;
          const scene = (await callUnary(service, 'getScene', { name }, { signal })).scene!;
          return histogram === true ? { ...scene, histogram: await sceneHistogram(session, scene) } : scene;
        },
        (scene) => [
          ...describeScene(scene),
          ...describeVariance(scene),
          ...('histogram' in scene && scene.histogram !== undefined ? describeHistogram(scene.histogram) : []),
        ],
      ),
    );

  addLookCommands(scenes);

  scenes
    .command('delete')
    .argument('<name>')
    .description('delete a scene')
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

/**
 * Reads `file`, `map=file`, either with `:variable` after it, or `map=:variable`, a variable of the scene's own file.
 */
async function parseLabels(given: string, options: LabelOptions): Promise<LabelsToUpload> {
  const split = given.indexOf('=');
  const name = split < 0 ? 'labels' : given.slice(0, split);
  const source = given.slice(split + 1);
  if (source.startsWith(':')) return { name, file: undefined, options: { ...options, variable: source.slice(1) } };
  const { file, variable } = splitVariable(source);
  return { name, file: await fileToUpload(file), options: { ...options, variable } };
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
    ...describeRaster(scene),
    ...scene.labelMaps.map(describeLabelMap),
    ...(scene.classes.length > 0 ? [`classes: ${scene.classes.map(({ name }) => name).join(', ')}`] : []),
    ...(scene.attribution === '' ? [] : [scene.attribution]),
  ];
}

/** Describes how much of the variance the components explain, each and all up to it. */
function describeVariance({ explainedVarianceRatio }: Scene): string[] {
  let sum = 0;
  const rows = explainedVarianceRatio.map((share, index) => {
    sum += share;
    return [`  ${index + 1}`, percent(share), percent(sum)];
  });
  return rows.length === 0 ? [] : table(['component', 'variance', 'together'], rows);
}

/** Describes the metadata of a scene's file: pixels without data, wavelengths, bad bands, georeference. */
function describeRaster({ raster, validPixels, lookupTable }: Scene): string[] {
  const { height, width, wavelengths, fullWidths, goodBands, nodata, zeroIsNodata } = raster!;
  const georeference = (lookupTable ?? raster!).georeference;
  const empty = height * width - validPixels;
  const marks = [...(nodata === undefined ? [] : [`nodata ${nodata}`]), ...(zeroIsNodata ? ['zero in all bands'] : [])];
  const bad = goodBands.flatMap((isGood, band) => (isGood ? [] : [band + 1]));
  return [
    ...(empty > 0 || marks.length > 0
      ? [`${empty} pixels without data (${marks.join(', ') || 'NaN or infinite'})`]
      : []),
    ...(wavelengths.length === 0
      ? ['wavelengths: unknown']
      : [`wavelengths: ${describeBands(wavelengths)}${fullWidths.length > 0 ? ', full widths known' : ''}`]),
    ...(bad.length > 0 ? [`bad bands: ${describeRanges(bad)}`] : []),
    ...(lookupTable === undefined
      ? []
      : [
          `in the geometry of the sensor; a lookup table makes a map of ${lookupTable.height} × ${lookupTable.width} pixels`,
        ]),
    ...(georeference === undefined ? [] : [`reference system: ${describeCrs(georeference)}`]),
  ];
}

function describeLabelMap({ name, labelledPixels, pixelsWithoutData }: LabelMap): string {
  const left = pixelsWithoutData > 0 ? `, ${pixelsWithoutData} more on pixels without data` : '';
  return `labels ${name}: ${labelledPixels} pixels${left}`;
}

function describeCrs({ epsg, crsWkt }: Georeference): string {
  if (epsg !== 0) return `EPSG:${epsg}`;
  return /"([^"]*)"/.exec(crsWkt)?.[1] ?? 'not named';
}

/** Writes numbers in ascending order as `--bad-bands` takes them: 1-3,7. */
function describeRanges(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, end]) => (first === end ? String(first) : `${first}-${end}`)).join(',');
}
