/** Charts of the distances from test pixels to the nearest training pixel. */
import type { DistanceBin } from '@hyperswap/proto';
import { escapeHtml } from './escape-html.js';
import { rangeOf } from './measurement.js';
import { chartWidth, curveColor, legendEntry, plotLeft as left, renderSvg, ticksOf } from './svg.js';

/** Agreement of one method by distance. */
export interface DistanceSeries {
  readonly label: string;
  readonly bins: readonly DistanceBin[];
}

const right = 16;
const top = 12;
const plotHeight = 210;

/** Returns overall accuracy by distance as curves, one a method; empty where no distance is known. */
export function renderDistanceChart(given: readonly DistanceSeries[]): string {
  const series = given.filter(({ bins }) => bins.some(({ pixels }) => pixels > 0));
  const [first] = series;
  if (first === undefined) return '';
  const shares = series.flatMap(({ bins }) =>
    bins.filter(({ pixels }) => pixels > 0).map(({ correct, pixels }) => correct / pixels),
  );
  const low = Math.max(0, Math.floor(10 * Math.min(...shares) - 0.3) / 10);
  const x = (bin: number): number => left + ((bin + 0.5) * (chartWidth - left - right)) / first.bins.length;
  const y = (share: number): number => top + (plotHeight * (1 - share)) / (1 - low);
  const scale = ticksOf(100 * low, 100).map(
    (tick) =>
      `<line x1="${left}" x2="${chartWidth - right}" y1="${y(tick / 100)}" y2="${y(tick / 100)}" stroke="#ddd"/>` +
      `<text x="${left - 6}" y="${y(tick / 100) + 5}" text-anchor="end">${tick}</text>`,
  );
  const curves = series.map(({ bins }, index) => {
    const color = curveColor(index);
    const points = bins.flatMap(({ pixels, correct }, bin) =>
      pixels === 0 ? [] : [`${x(bin).toFixed(1)},${y(correct / pixels).toFixed(1)}`],
    );
    const dots = points.map((point) => {
      const [cx, cy] = point.split(',');
      return `<circle cx="${cx}" cy="${cy}" r="3.5" fill="${color}"/>`;
    });
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join('')}`;
  });
  const axis = top + plotHeight;
  const names = first.bins.map(
    (bin, index) => `<text x="${x(index)}" y="${axis + 18}" text-anchor="middle">${escapeHtml(rangeOf(bin))}</text>`,
  );
  const counts = first.bins.map(
    ({ pixels }, index) =>
      `<text x="${x(index)}" y="${axis + 35}" text-anchor="middle" fill="#666" font-size="12">${pixels === 0 ? '–' : pixels}</text>`,
  );
  const legend = first.label === '' ? [] : series.map(({ label }, index) => legendEntry(label, index, axis + 78));
  const height = axis + 62 + (legend.length === 0 ? 0 : 10 + 20 * Math.ceil(legend.length / 2));
  return renderSvg(height, 'Overall accuracy by distance to the nearest training pixel', [
    ...scale,
    ...curves,
    ...names,
    ...counts,
    `<text x="${chartWidth / 2}" y="${axis + 54}" text-anchor="middle">pixels to the nearest training pixel; below: test pixels</text>`,
    ...legend,
  ]);
}

/** Returns the number of test pixels at each distance as bars; empty where no distance is known. */
export function renderDistanceHistogram(histogram: readonly number[]): string {
  if (histogram.length === 0) return '';
  const most = Math.max(...histogram);
  const slot = (chartWidth - left - right) / Math.max(16, histogram.length);
  const y = (count: number): number => top + plotHeight * (1 - count / most);
  const scale = ticksOf(0, most).map(
    (tick) =>
      `<line x1="${left}" x2="${chartWidth - right}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/>` +
      `<text x="${left - 6}" y="${y(tick) + 5}" text-anchor="end" font-size="12">${tick}</text>`,
  );
  const bars = histogram.map(
    (count, index) =>
      `<rect x="${(left + index * slot + 1).toFixed(1)}" y="${y(count).toFixed(1)}" width="${Math.max(1, slot - 2).toFixed(1)}" height="${(top + plotHeight - y(count)).toFixed(1)}" fill="#4c9be8"/>`,
  );
  const step = histogram.length > 32 ? 8 : histogram.length > 16 ? 4 : 1;
  const names = histogram.flatMap((_, index) =>
    (index + 1) % step === 0 || index === 0
      ? [
          `<text x="${(left + (index + 0.5) * slot).toFixed(1)}" y="${top + plotHeight + 18}" text-anchor="middle" font-size="12">${index === 63 ? '≥ 64' : index + 1}</text>`,
        ]
      : [],
  );
  return renderSvg(top + plotHeight + 46, 'Test pixels by distance to the nearest training pixel', [
    ...scale,
    ...bars,
    ...names,
    `<text x="${chartWidth / 2}" y="${top + plotHeight + 38}" text-anchor="middle">test pixels by distance to the nearest training pixel</text>`,
  ]);
}
