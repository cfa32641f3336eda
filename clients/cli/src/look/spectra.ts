import { completeClasses, type LandCoverClass } from '@hyperswap/map';
import type { Scene } from '@hyperswap/proto';
import { readLabelMap } from '../labels.js';
import type { Session } from '../session.js';
import { readBands } from './read-bands.js';

/** Spectrum of a class. */
export interface ClassSpectrum extends LandCoverClass {
  /** Labelled pixels with data. */
  readonly pixels: number;
  /** Mean and standard deviation of each band, of values · scale + offset. */
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/**
 * Computes the spectrum of each class that occurs in a label map, in one pass (Welford 1962).
 *
 * @throws FIELD_INVALID, SCENE_CHANGED
 */
export async function classSpectra(
  session: Session,
  scene: Scene,
  labelMap: string,
  onProgress: (done: number, total: number) => void,
): Promise<ClassSpectrum[]> {
  const { height, width, bands, scale = 1, offset = 0 } = scene.raster!;
  const labels = await readLabelMap(session, scene, labelMap);
  const classes = completeClasses(
    scene.classes,
    labels.reduce((most, label) => Math.max(most, label), 0),
  );
  const sums = classes.map(() => ({ pixels: 0, mean: new Float64Array(bands), squares: new Float64Array(bands) }));
  for (const window of labelledWindows(labels, height, width)) {
    for await (const { window: place, values, mask } of readBands(session, scene, [], window)) {
      for (let pixel = 0; pixel < mask.length; pixel++) {
        const row = place.row + Math.floor(pixel / place.width);
        const label = labels[row * width + place.column + (pixel % place.width)]!;
        if (label === 0 || mask[pixel] === 0) continue;
        const sum = sums[label - 1]!;
        sum.pixels += 1;
        for (let band = 0; band < bands; band++) {
          const value = values[pixel * bands + band]! * scale + offset;
          const before = value - sum.mean[band]!;
          sum.mean[band]! += before / sum.pixels;
          sum.squares[band]! += before * (value - sum.mean[band]!);
        }
      }
    }
    onProgress(window.row + window.height, height);
  }
  return sums.flatMap(({ pixels, mean, squares }, index) => {
    if (pixels === 0) return [];
    return [{ ...classes[index]!, pixels, mean, deviation: squares.map((sum) => Math.sqrt(sum / pixels)) }];
  });
}

/** Rows that are read at once. */
const windowRows = 64;

/** Returns windows of full rows that hold all labels. */
function* labelledWindows(
  labels: Uint8Array,
  height: number,
  width: number,
): Generator<{ row: number; column: number; height: number; width: number }> {
  for (let row = 0; row < height; row += windowRows) {
    const rows = Math.min(windowRows, height - row);
    if (labels.subarray(row * width, (row + rows) * width).some((label) => label > 0)) {
      yield { row, column: 0, height: rows, width };
    }
  }
}

/**
 * Returns spectra as a table: class, pixels, band from 1, wavelength in nanometres where it is known, mean, standard
 * deviation.
 */
export function spectraCsv(spectra: readonly ClassSpectrum[], wavelengths: readonly number[]): string {
  const rows = spectra.flatMap(({ name, pixels, mean, deviation }) =>
    [...mean].map((value, band) =>
      [quote(name), pixels, band + 1, wavelengths[band] ?? '', value, deviation[band]].join(','),
    ),
  );
  return `class,pixels,band,wavelength_nm,mean,deviation\n${rows.join('\n')}\n`;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
