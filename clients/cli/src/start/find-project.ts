/** Scene files and their labels in a folder, found by reading the head of each file. */
import path from 'node:path';
import { HyperswapError, toHyperswapError } from '@hyperswap/errors';
import {
  LabelClasses,
  openRaster,
  readLabels,
  type FinishedClass,
  type LabelMap,
  type RasterInfo,
  type ReadOptions,
} from '@hyperswap/raster';
import { labelFiles, sceneFiles } from './scene-files.js';

/** Bands that a scene has at least: the components that the backbone takes. */
const fewestBands = 12;
/** Maximum number of files to read. */
const mostFiles = 60;

export interface FoundScene {
  /** Path of the file. */
  readonly file: string;
  readonly options: ReadOptions;
  readonly info: RasterInfo;
}

export interface FoundLabels {
  /** Value for `--labels`: `FILE`, or `:VARIABLE` of the scene's own file. */
  readonly given: string;
  readonly labels: LabelMap['labels'];
  readonly classes: readonly FinishedClass[];
  /** The values are codes, which become the classes from 1 on. */
  readonly isMapped: boolean;
}

/** Returns the scenes of a folder, and a note on each file that may be one and cannot be read. */
export async function findScenes(folder: string): Promise<{ scenes: FoundScene[]; notes: string[] }> {
  const scenes: FoundScene[] = [];
  const notes: string[] = [];
  for (const name of (await sceneFiles(folder)).slice(0, mostFiles)) {
    try {
      scenes.push(...(await readScene(path.join(folder, name))));
    } catch (error) {
      // Labels and other arrays of two dimensions are no scenes, and need no note.
      if (!HyperswapError.is(error, 'SCENE_SHAPE')) notes.push(toHyperswapError(error).message);
    }
  }
  return { scenes, notes };
}

/**
 * Reads the head of a scene file.
 *
 * @returns its readings: one, or one for each order of its axes where the file does not tell; none for rasters of too
 * few bands
 * @throws errors of reading the file
 */
export async function readScene(file: string, variable?: string): Promise<FoundScene[]> {
  const scenes: FoundScene[] = [];
  for (const options of await readings(file, variable)) {
    const raster = await openRaster(file, options);
    await raster.close();
    if (raster.info.bands >= fewestBands) scenes.push({ file, options, info: raster.info });
  }
  return scenes;
}

async function readings(file: string, variable: string | undefined): Promise<ReadOptions[]> {
  try {
    await (await openRaster(file, { variable })).close();
    return [{ variable }];
  } catch (error) {
    if (!HyperswapError.is(error, 'AXES_AMBIGUOUS')) throw error;
    return [
      { variable, axes: 'bands-last' },
      { variable, axes: 'bands-first' },
    ];
  }
}

/**
 * Returns what can be the labels of a scene, the likeliest first: other files of the folder, and variables of its own
 * file.
 */
export async function findLabels({ file, info }: FoundScene): Promise<FoundLabels[]> {
  const { height, width } = info;
  const folder = path.dirname(file);
  const own = info.variables
    .filter(
      ({ name, shape }) => name !== info.variable && shape.length === 2 && shape[0] === height && shape[1] === width,
    )
    .map(({ name }) => ({ given: `:${name}`, path: file, variable: name }));
  const others = (await labelFiles(folder))
    .filter((name) => name !== path.basename(file))
    .slice(0, mostFiles)
    .map((name) => ({ given: path.join(folder, name), path: path.join(folder, name), variable: undefined }));
  const found: FoundLabels[] = [];
  for (const { given, path: source, variable } of [...own, ...others]) {
    const read = await readAsLabels(source, variable, info);
    if (read !== undefined) found.push({ given, ...read });
  }
  const rank = ({ given }: FoundLabels): number => (/gt|truth|label|class|train/i.test(path.basename(given)) ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b));
}

/** Reads a file as labels of a scene: as classes, or else as codes. @returns undefined when it is neither */
async function readAsLabels(
  file: string,
  variable: string | undefined,
  info: RasterInfo,
): Promise<Omit<FoundLabels, 'given'> | undefined> {
  for (const isMapped of [false, true]) {
    try {
      const all = new LabelClasses(isMapped ? { mapping: 'auto' } : {});
      const { labels } = await readLabels(file, info, all, { variable });
      const { classes } = all.finish([labels]);
      const most = labels.reduce((largest, label) => Math.max(largest, label), 0);
      return most >= 2 ? { labels, classes, isMapped } : undefined;
    } catch (error) {
      if (!HyperswapError.is(error, 'LABELS_VALUES')) return undefined;
    }
  }
  return undefined;
}
