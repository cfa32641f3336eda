import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writePaletteTiff } from '@hyperswap/raster';
import { type LandCoverClass } from '@hyperswap/map';
import { drawConfidence, drawLabelMaps } from '@hyperswap/map';
import type { ReportPictures } from './report-html.js';

export interface ClassifiedMap {
  readonly height: number;
  readonly width: number;
  /** Class of each pixel, from 1. */
  readonly labels: Uint8Array;
  /** Probability of that class, 255ths. */
  readonly confidence: Uint8Array;
  readonly classes: readonly LandCoverClass[];
  /** What is known of the ground; 0 where it is not. */
  readonly truth: Uint8Array | undefined;
  readonly title: string;
}

/** Writes `map.png`, `confidence.png` and `labels.tif`. @returns the pictures, for a report */
export async function writeMap(directory: string, map: ClassifiedMap): Promise<ReportPictures> {
  const { height, width, labels, confidence, classes, truth, title } = map;
  const maps = [{ title, height, width, values: labels }];
  if (truth !== undefined) maps.push({ title: 'ground truth', height, width, values: truth });
  const pictures = {
    map: drawLabelMaps(maps, classes),
    confidence: drawConfidence({ title: 'confidence', height, width, values: confidence }),
  };
  const colors = classes.map(({ color }) => color);
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'map.png'), pictures.map);
  await writeFile(path.join(directory, 'confidence.png'), pictures.confidence);
  await writeFile(path.join(directory, 'labels.tif'), writePaletteTiff(labels, { height, width }, colors));
  return pictures;
}
