/** Files of a map with its report and summary, and what is printed of them. */
import path from 'node:path';
import { mapPlace, type MapPlace } from '@hyperswap/map';
import type { Scene } from '@hyperswap/proto';
import type { AdaptiveMap } from './map-source.js';
import type { AffineTransform, OutputFolder, RasterInfo } from '@hyperswap/raster';
import { renderMapReport } from '../report/map-report-html.js';
import { percent, referenceOf, shortMetrics } from '../report/report.js';
import { printResult, table, type Progress } from '../terminal.js';
import { writeMapFiles, type MapFacts, type MapToWrite } from './write-map-files.js';

export interface MapToReport extends Omit<MapToWrite, 'title' | 'lineage' | 'onProgress' | 'warn'> {
  /** Reach of smoothing in pixels, `--smooth`. */
  readonly reach: number;
}

/**
 * Writes a map, its report and its summary into a folder, and prints how many pixels each class has.
 *
 * @throws as {@link writeMapFiles}
 */
export async function reportMap(
  map: MapToReport,
  directory: string,
  { json, progress }: { readonly json: boolean | undefined; readonly progress: Progress },
): Promise<void> {
  const { scene, source, reach } = map;
  const { height, width, adapter, seconds, adaptive } = source;
  const reference = referenceOf(adapter);
  const steps = [
    `Classified by the adapter ${reference} (sha-256 ${adapter.digest}) on the backbone ${adapter.backbone}`,
    ...(adaptive ? ['interpolated between classified pixels (adaptive mode)'] : []),
    ...(reach > 0 ? [`smoothed over ${reach} pixels`] : []),
  ];
  const lineage = `${steps.join(', ')}.`;
  const summarize = (facts: MapFacts): object => ({
    scene,
    adapter: reference,
    digest: adapter.digest,
    height,
    width,
    smoothed: reach,
    seconds,
    patchesPerSecond: (height * width) / seconds,
    adaptive: adaptive && { ...adaptive },
    classes: classesOf(map, facts).map(({ value, name, pixels, hectares }) => ({ value, name, pixels, hectares })),
    metrics: facts.metrics && shortMetrics({ ...facts.metrics }),
  });
  const finish = async (folder: OutputFolder, facts: MapFacts): Promise<string[]> => {
    await folder.write('report.html', renderReportOf(map, facts, lineage));
    await folder.write('map.json', `${JSON.stringify(summarize(facts), null, 2)}\n`);
    return ['report.html', 'map.json'];
  };
  const written = await writeMapFiles(
    directory,
    {
      ...map,
      title: reference,
      lineage,
      onProgress: (done, total) => progress.update('writing', done, total),
      warn: (text) => progress.warn(text),
    },
    finish,
  );
  progress.stop();
  const classes = classesOf(map, written);
  const hasAreas = classes.some(({ hectares }) => hectares !== undefined);
  const rows = classes.map(({ name, pixels, hectares }) => [
    name,
    String(pixels),
    percent(pixels / (height * width)),
    ...(hasAreas ? [(hectares ?? 0).toFixed(2)] : []),
  ]);
  printResult(json, { ...summarize(written), files: written.files }, [
    ...table(['class', 'pixels', 'share', ...(hasAreas ? ['hectares'] : [])], rows),
    ...(adaptive ? [agreementText(adaptive)] : []),
    `${height} × ${width} pixels by ${reference} in ${seconds.toFixed(1)} s; see ${path.join(directory, 'report.html')}`,
  ]);
}

/** Returns what an adaptive job measured, as a sentence. */
function agreementText({ wanted, value, low, high, pixels, classified, sampled }: AdaptiveMap): string {
  const interval = `95 % interval ${percent(low)} to ${percent(high)}, measured on ${sampled} random pixels`;
  return `adaptive: the model classified ${percent(classified / pixels)} of the pixels; ${percent(value)} of all have its label (${interval}; wanted ${percent(wanted)})`;
}

function classesOf(
  { place }: MapToReport,
  { classes, pixels }: MapFacts,
): { value: number; name: string; color: number; pixels: number; hectares: number | undefined }[] {
  return classes.map(({ value, name, color }, index) => {
    const count = pixels[index]!;
    return { value, name, color, pixels: count, hectares: place?.hectares && count * place.hectares };
  });
}

function renderReportOf(map: MapToReport, facts: MapFacts, lineage: string): string {
  const { source, scene, place } = map;
  const { height, width, adapter, seconds } = source;
  const report = {
    scene,
    adapter: referenceOf(adapter),
    classes: classesOf(map, facts),
    pixels: height * width,
    metrics: facts.metrics && shortMetrics({ ...facts.metrics }),
    facts: {
      Map: `${height} × ${width} pixels`,
      ...(place && { 'Reference system': place.description?.name ?? 'not known' }),
      ...(place?.hectares !== undefined && { 'Area of a pixel': `${(place.hectares * 10_000).toFixed(2)} m²` }),
      Adapter: `${adapter.method}, ${adapter.parameters} values, trained on ${adapter.scene}`,
      Steps: lineage,
      ...(source.adaptive && { Agreement: agreementText(source.adaptive) }),
      Seconds: `${seconds.toFixed(1)} to classify`,
    },
  };
  return renderMapReport(report, facts.pictures);
}

/** Returns the place of the map of a prepared scene; undefined where it has none. */
export async function placeOfScene({
  raster,
  lookupTable,
}: Pick<Scene, 'raster' | 'lookupTable'>): Promise<MapPlace | undefined> {
  const georeference = (lookupTable ?? raster)?.georeference;
  if (georeference === undefined) return undefined;
  const { crsWkt, epsg, transform } = georeference;
  return placeOfRaster({
    transform: transform as unknown as AffineTransform,
    crs: crsWkt === '' && epsg === 0 ? undefined : { ...(epsg > 0 && { epsg }), ...(crsWkt !== '' && { wkt: crsWkt }) },
  });
}

/** Returns the place that a file tells; undefined where it has none. */
export async function placeOfRaster({
  transform,
  crs,
}: Pick<RasterInfo, 'transform' | 'crs'>): Promise<MapPlace | undefined> {
  return transform === undefined ? undefined : mapPlace(transform, crs);
}
