/**
 * Agreement of adaptive maps with the exact one against the share of pixels that the model classifies, beside simpler
 * rules, simulated on the map of an exact job with its probabilities:
 *
 *   hyperswap classify --scene S --adapter A --probabilities --out DIR && node tests/dist/bench/adaptive.js DIR
 *
 * It prints a table and writes DIR/adaptive.svg.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { addCounts, agreementOf, noCounts, Refinement } from '@hyperswap/map';
import { gridWindows } from '@hyperswap/raster';
import { readRaster, type WholeRaster } from '../support/rasters.js';
import { svgChart } from './svg-chart.js';

/** Map of an exact job. */
interface ExactMap {
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  /** Class of each pixel, from 1; 0 without data. */
  readonly labels: Uint8Array;
  /** `[pixels, classes]`, 255ths. */
  readonly probabilities: Uint8Array;
}

/** Point of a curve: shares of all pixels with data. */
interface Point {
  readonly classified: number;
  readonly agreement: number;
}

const side = 64;
const wanted = [0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.9925, 0.995, 0.998];

async function readExactMap(directory: string): Promise<ExactMap> {
  const [labels, probabilities] = await Promise.all(
    ['labels.tif', 'probabilities.tif'].map((name) => readRaster(path.join(directory, name))),
  );
  const { height, width, bands } = probabilities!.info;
  const bytes = (raster: WholeRaster): Uint8Array => Uint8Array.from(raster.values);
  return { height, width, classes: bands, labels: bytes(labels!), probabilities: bytes(probabilities!) };
}

/** Runs adaptive mode chunk by chunk, as a job does. */
function adaptive(
  map: ExactMap,
  agreement: number,
): Point & { readonly measured: string; readonly milliseconds: number } {
  const { height, width, classes, labels, probabilities } = map;
  const start = performance.now();
  let [counts, right] = [noCounts, 0];
  for (const { row, column, ...size } of gridWindows({ height, width }, side)) {
    const place = (pixel: number): number =>
      (row + Math.floor(pixel / size.width)) * width + column + (pixel % size.width);
    const all = Int32Array.from({ length: size.height * size.width }, (_, pixel) => pixel);
    const chosen = all.filter((pixel) => labels[place(pixel)] !== 0);
    const sampleShare = Math.max(0.01, Math.min(0.05, 600 / (height * width)));
    const refinement = new Refinement({ ...size, classes, chosen, agreement, sampleShare, seed: row * width + column });
    for (let pixels = refinement.next(); pixels !== undefined; pixels = refinement.next()) {
      const shares = new Uint8Array(pixels.length * classes);
      pixels.forEach((pixel, index) => {
        shares.set(probabilities.subarray(place(pixel) * classes, (place(pixel) + 1) * classes), index * classes);
      });
      refinement.add(
        pixels,
        Uint8Array.from(pixels, (pixel) => labels[place(pixel)]!),
        shares,
      );
    }
    const refined = refinement.result();
    counts = addCounts(counts, refined.counts);
    right += chosen.filter((pixel) => refined.labels[pixel] === labels[place(pixel)]).length;
  }
  const { value, low, high } = agreementOf(counts);
  return {
    classified: counts.classified / counts.pixels,
    agreement: right / counts.pixels,
    measured: `${value.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`,
    milliseconds: performance.now() - start,
  };
}

/** Classifies a grid, interpolates once, and then classifies the pixels of the smallest margins. */
function oneStep(map: ExactMap, step: number, isLinear: boolean): Point[] {
  const { height, width, classes, labels, probabilities } = map;
  const at = (row: number, column: number, label: number): number =>
    probabilities[(row * width + column) * classes + label]!;
  const last = (size: number): number => Math.floor((size - 1) / step) * step;
  const guesses: { readonly margin: number; readonly isRight: boolean }[] = [];
  let valid = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const label = labels[row * width + column]!;
      if (label === 0) continue;
      valid += 1;
      if (row % step === 0 && column % step === 0) continue;
      const [top, left] = [Math.floor(row / step) * step, Math.floor(column / step) * step];
      const [bottom, right] = [Math.min(top + step, last(height)), Math.min(left + step, last(width))];
      const [y, x] = isLinear
        ? [(row - top) / step, (column - left) / step]
        : [Math.round((row - top) / step), Math.round((column - left) / step)];
      let [best, second, found] = [-1, -1, 0];
      for (let index = 0; index < classes; index++) {
        const value =
          (1 - y) * ((1 - x) * at(top, left, index) + x * at(top, right, index)) +
          y * ((1 - x) * at(bottom, left, index) + x * at(bottom, right, index));
        if (value > best) [second, best, found] = [best, value, index + 1];
        else if (value > second) second = value;
      }
      guesses.push({ margin: best - second, isRight: found === label });
    }
  }
  guesses.sort((a, b) => a.margin - b.margin);
  let wrong = guesses.filter(({ isRight }) => !isRight).length;
  const grid = valid - guesses.length;
  return guesses.flatMap(({ isRight }, index) => {
    wrong -= isRight ? 0 : 1;
    return index % 200 === 0 ? [{ classified: (grid + index + 1) / valid, agreement: 1 - wrong / valid }] : [];
  });
}

/** Draws the wrong labels against the classified pixels, where at most 6 % are wrong. */
function draw(curves: Readonly<Record<string, readonly Point[]>>): string {
  const series = Object.entries(curves).map(([name, points]) => ({
    name,
    points: points
      .filter(({ agreement }) => agreement >= 0.94)
      .map(({ classified, agreement }) => [100 * classified, 100 * (1 - agreement)] as const),
  }));
  return svgChart({
    title: 'Labels that differ from the exact map, %',
    panels: [{ title: '', series }],
    xTitle: 'pixels that the model classifies, %',
  });
}

const directory = process.argv[2] ?? '.';
const map = await readExactMap(directory);
const adaptiveCurve = wanted.map((agreement) => {
  const point = adaptive(map, agreement);
  const { classified, measured, milliseconds } = point;
  console.log(
    `wanted ${agreement}: classified ${classified.toFixed(3)}, agreement ${point.agreement.toFixed(4)}, measured ${measured}, ${milliseconds.toFixed(0)} ms`,
  );
  return point;
});
const curves = {
  '2nd pixel, nearest': oneStep(map, 2, false),
  '4th pixel, linear': oneStep(map, 4, true),
  '3rd pixel, linear': oneStep(map, 3, true),
  'adaptive mode': adaptiveCurve,
};
for (const [name, points] of Object.entries(curves)) {
  const share = points.find(({ agreement }) => agreement >= 0.99)?.classified;
  console.log(`${name}: ${share === undefined ? 'never' : `${(100 * share).toFixed(1)} %`} for 99 %`);
}
await writeFile(path.join(directory, 'adaptive.svg'), draw(curves));
