import type { Scene } from '../../generated/hyperswap/v1/scene_pb.js';
import { readBands, readLabels } from '../api/read-scene.js';
import type { Spectrum } from '../parts/spectrum-chart.js';
import { cssColor } from '../raster/colors.js';

/** Values that are read at most. */
const mostValues = 16_000_000;
/** Rows that are read at once. */
const blockRows = 16;

/**
 * Computes mean and deviation of the spectra of each class (Welford 1962). Of large scenes it reads blocks of rows that
 * are spread over the labelled ones.
 */
export async function classSpectra(scene: Scene, labelMap: string, signal: AbortSignal): Promise<Spectrum[]> {
  const { height, width, bands, scale = 1, offset = 0 } = scene.raster!;
  const labelled: { window: { row: number; column: number; height: number; width: number }; labels: Uint8Array }[] = [];
  for (let row = 0; row < height; row += blockRows) {
    const window = { row, column: 0, height: Math.min(blockRows, height - row), width };
    const labels = await readLabels(scene, labelMap, window, signal);
    if (labels.some((label) => label > 0)) labelled.push({ window, labels });
  }
  const affordable = Math.max(1, Math.floor(mostValues / (blockRows * width * bands)));
  const step = Math.max(1, Math.ceil(labelled.length / affordable));
  const sums = scene.classes.map(() => ({ count: 0, mean: new Float64Array(bands), squares: new Float64Array(bands) }));
  for (let block = 0; block < labelled.length; block += step) {
    const { window, labels } = labelled[block]!;
    for await (const piece of readBands(scene, [], window, signal)) {
      for (let pixel = 0; pixel < piece.mask.length; pixel++) {
        const row = piece.window.row - window.row + Math.floor(pixel / piece.window.width);
        const sum = sums[labels[row * width + piece.window.column + (pixel % piece.window.width)]! - 1];
        if (sum === undefined || piece.mask[pixel] === 0) continue;
        sum.count += 1;
        for (let band = 0; band < bands; band++) {
          const value = piece.values[pixel * bands + band]! * scale + offset;
          const before = value - sum.mean[band]!;
          sum.mean[band]! += before / sum.count;
          sum.squares[band]! += before * (value - sum.mean[band]!);
        }
      }
    }
  }
  return sums.flatMap(({ count, mean, squares }, index) => {
    if (count === 0) return [];
    const { name, color } = scene.classes[index]!;
    const deviations = [...squares].map((sum) => Math.sqrt(sum / count));
    return [{ name: `${name} (${count})`, color: cssColor(color), values: [...mean], deviations }];
  });
}
