import path from 'node:path';
import { completeClasses, drawConfidence, drawLabelMaps, mapItem, type MapPlace, type Metrics } from '@hyperswap/map';
import {
  auxXml,
  classValues,
  CogWriter,
  enviClassificationHeader,
  enviTells,
  OutputFolder,
  qmlStyle,
  type ClassValues,
  type MapClass,
  type Window,
} from '@hyperswap/raster';
import type { ReportPictures } from '../report/report-html.js';
import { referenceOf } from '../report/report.js';
import { version } from '../version.js';
import type { MapSource } from './map-source.js';
import { Tally } from './tally.js';
import { Thumbnail } from './thumbnail.js';
import { checkPolygons, polygonFiles, writePolygons, type PolygonFormat } from './write-polygons.js';

/** Files that are written on request. */
export interface MapFileOptions {
  /** Probabilities of all classes, which the source must hold. */
  readonly probabilities: boolean;
  /** Pixels of the smallest polygon; undefined for no polygons. */
  readonly polygons: number | undefined;
  readonly polygonFormat: PolygonFormat;
  /** ENVI classification. */
  readonly envi: boolean;
}

export interface MapToWrite extends MapFileOptions {
  readonly source: MapSource;
  /** Name of the scene. */
  readonly scene: string;
  readonly place: MapPlace | undefined;
  /** Title of the picture. */
  readonly title: string;
  /** Steps that led to the map, in words. */
  readonly lineage: string;
  /** Reads what is known of the ground in a window; undefined without labels. */
  readonly truth: ((window: Window) => Promise<Uint8Array>) | undefined;
  readonly onProgress: (done: number, total: number) => void;
  readonly warn: (text: string) => void;
}

/** Content of a map. */
export interface MapFacts {
  readonly classes: readonly MapClass[];
  /** Values of the classes in `labels.tif`. */
  readonly values: ClassValues;
  /** Pixels of each class. */
  readonly pixels: readonly number[];
  /** Agreement with the scene's labels; undefined without any. */
  readonly metrics: Metrics | undefined;
  readonly pictures: ReportPictures;
}

/** Files of a map that are not always written. */
const optionalFiles = ['probabilities.tif', ...polygonFiles, 'classification.dat', 'classification.hdr'];

/**
 * Writes the files of a map, row by row on arrival; they appear together, when all are complete. Memory depends on the
 * width of the map alone, except for polygons, which take the labels of the whole map.
 *
 * @param finish adds files that need to know what the map holds
 * @returns what the map holds, and the paths of the files
 * @throws FILE_UNWRITABLE; MAP_NOT_PLACED, FIELD_INVALID when polygons cannot be made; errors of the source
 */
export async function writeMapFiles(
  directory: string,
  map: MapToWrite,
  finish: (folder: OutputFolder, facts: MapFacts) => Promise<readonly string[]>,
): Promise<MapFacts & { readonly files: readonly string[] }> {
  checkPolygons({ ...map, size: map.source });
  const folder = await OutputFolder.open(directory);
  try {
    const facts = await writeRasters(folder, map);
    const files = await writeCompanions(folder, map, facts, finish);
    for (const name of optionalFiles) if (!files.includes(name)) folder.remove(name);
    await folder.write('item.json', `${JSON.stringify(itemOf(map, facts, files), null, 2)}\n`);
    return { ...facts, files: await folder.commit() };
  } finally {
    await folder.discard();
  }
}

/** Labels of the whole map are kept where polygons are made of them. */
type RasterFacts = MapFacts & { readonly labels: Uint8Array | undefined };

async function writeRasters(folder: OutputFolder, map: MapToWrite): Promise<RasterFacts> {
  const { source, scene, place, truth, title, onProgress } = map;
  const { height, width, adapter } = source;
  const classes = completeClasses(adapter.classes, 0);
  const names = classes.map(({ name }) => name);
  const common = { height, width, crs: place?.crs, transform: place?.transform };
  const facts = { SCENE: scene, ADAPTER: referenceOf(adapter), SOFTWARE: `hyperswap ${version}` };
  const palette = classes.map(({ color }) => color);
  const values = classValues(classes);
  if (values.unfit.length > 0) {
    const codes = values.unfit.slice(0, 5).join(', ');
    map.warn(`the codes ${codes} do not fit a raster of 16 bits; the map holds the numbers of the classes`);
  }
  const scale = 1 / 255;
  const labels = await CogWriter.create(folder, 'labels.tif', {
    ...{ ...common, facts, palette, values, overviews: 'mode', descriptions: ['land cover'] },
  });
  const confidence = await CogWriter.create(folder, 'confidence.tif', {
    ...{ ...common, facts, scale, nodata: 0, overviews: 'mean', descriptions: ['confidence'] },
  });
  const probabilities = map.probabilities
    ? await CogWriter.create(folder, 'probabilities.tif', {
        ...{ ...common, facts, scale, overviews: 'mean', descriptions: names },
      })
    : undefined;
  const envi = map.envi ? await folder.create('classification.dat') : undefined;
  const all = map.polygons === undefined ? undefined : new Uint8Array(height * width);
  const valued = classes.map(({ name, color }, index) => ({ value: values.values[index]!, name, color }));
  const tally = new Tally(names);
  const [small, smallConfidence, smallTruth] = [0, 1, 2].map(() => new Thumbnail(height, width)) as [
    Thumbnail,
    Thumbnail,
    Thumbnail,
  ];
  for await (const block of source.rows) {
    const { row } = block.window;
    await labels.append(block.labels);
    await confidence.append(block.confidence);
    await probabilities?.append(block.probabilities);
    await envi?.append(block.labels);
    all?.set(block.labels, row * width);
    const known = await truth?.(block.window);
    tally.add(block.labels, known);
    small.add(row, block.labels, width);
    smallConfidence.add(row, block.confidence, width);
    if (known !== undefined) smallTruth.add(row, known, width);
    onProgress(row + block.window.height, height);
  }
  for (const writer of [labels, confidence, probabilities]) await writer?.finish();
  const maps = [{ title, ...sizedValues(small) }];
  if (truth !== undefined) maps.push({ title: 'ground truth', ...sizedValues(smallTruth) });
  const pictures = {
    map: drawLabelMaps(maps, classes),
    confidence: drawConfidence({ title: 'confidence', ...sizedValues(smallConfidence) }),
  };
  return { classes: valued, values, pixels: tally.pixels, metrics: tally.metrics(), pictures, labels: all };
}

function sizedValues({ height, width, values }: Thumbnail): { height: number; width: number; values: Uint8Array } {
  return { height, width, values };
}

/** Writes the files beside the rasters. @returns names of all files so far */
async function writeCompanions(
  folder: OutputFolder,
  map: MapToWrite,
  facts: RasterFacts,
  finish: (folder: OutputFolder, facts: MapFacts) => Promise<readonly string[]>,
): Promise<string[]> {
  const { place, source, warn } = map;
  const { classes, values, pixels, pictures, labels } = facts;
  const crs = place?.description;
  const files = ['labels.tif', 'confidence.tif', ...(map.probabilities ? ['probabilities.tif'] : [])];
  const add = async (name: string, content: string | Uint8Array): Promise<void> => {
    await folder.write(name, content);
    files.push(name);
  };
  await add('labels.tif.aux.xml', auxXml({ classes, nodata: values.nodata, pixels, crs }));
  await add('labels.qml', qmlStyle(classes));
  await add('map.png', pictures.map);
  await add('confidence.png', pictures.confidence);
  if (labels !== undefined) {
    const minimumPixels = map.polygons!;
    const polygons = { labels, width: source.width, classes, minimumPixels, place: place!, format: map.polygonFormat };
    files.push(...(await writePolygons(folder, polygons)));
  }
  if (map.envi) {
    files.push('classification.dat');
    const transform = place?.transform;
    if (transform !== undefined && !enviTells(transform)) {
      warn(
        'classification.hdr has no georeference: ENVI headers cannot store a transform with shear, or with rows that go up',
      );
    }
    const { height, width } = source;
    const description = `land cover of ${map.scene} by ${referenceOf(source.adapter)}`;
    await add('classification.hdr', enviClassificationHeader({ description, height, width, classes, crs, transform }));
  }
  return [...files, ...(await finish(folder, facts))];
}

function itemOf(
  { source, scene, place, lineage }: MapToWrite,
  { classes, values }: MapFacts,
  files: readonly string[],
): object {
  const { adapter, height, width } = source;
  return mapItem({
    id: [path.basename(scene), adapter.name, String(adapter.version)].join('-').replaceAll(/[^A-Za-z0-9._-]+/g, '-'),
    title: `Land cover of ${scene} by ${referenceOf(adapter)}`,
    made: new Date(),
    ...{ height, width, place, classes, values, lineage, files },
    software: { hyperswap: version },
  });
}
