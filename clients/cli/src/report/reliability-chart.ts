import type { ReliabilityBin } from '@hyperswap/proto';
import { chartWidth, curveColor, legendEntry, plotLeft as left, renderSvg } from './svg.js';

/** Reliability curve of one method. */
export interface ReliabilitySeries {
  readonly label: string;
  readonly bins: readonly ReliabilityBin[];
}

const top = 12;
const side = 300;

/** Returns accuracy over confidence as curves, one a method; empty where no method gives a confidence. */
export function renderReliabilityChart(given: readonly ReliabilitySeries[]): string {
  const series = given.filter(({ bins }) => bins.length > 0);
  if (series.length === 0) return '';
  const x = (share: number): number => left + (chartWidth - left - 16) * share;
  const y = (share: number): number => top + side * (1 - share);
  const scale = [0, 0.2, 0.4, 0.6, 0.8, 1].map(
    (tick) =>
      `<line x1="${left}" x2="${x(1)}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/>` +
      `<text x="${left - 6}" y="${y(tick) + 5}" text-anchor="end">${100 * tick}</text>` +
      `<text x="${x(tick)}" y="${top + side + 18}" text-anchor="middle">${100 * tick}</text>`,
  );
  const ideal = `<line x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" stroke="#868e96" stroke-dasharray="5 4"/>`;
  const curves = series.map(({ bins }, index) => {
    const color = curveColor(index);
    const total = bins.reduce((sum, { pixels }) => sum + pixels, 0);
    const points = bins.map(({ confidence, correct, pixels }) => [x(confidence), y(correct / pixels)] as const);
    const dots = points.map(([cx, cy], bin) => {
      const radius = 2 + 8 * Math.sqrt(bins[bin]!.pixels / total);
      return `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="${radius.toFixed(1)}" fill="${color}" fill-opacity="0.6"/>`;
    });
    const line = points.map((point) => point.map((value) => value.toFixed(1)).join()).join(' ');
    return `<polyline points="${line}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join('')}`;
  });
  const axis = top + side;
  const legend = series[0]!.label === '' ? [] : series.map(({ label }, index) => legendEntry(label, index, axis + 62));
  const height = axis + 46 + (legend.length === 0 ? 0 : 10 + 20 * Math.ceil(legend.length / 2));
  return renderSvg(height, 'Accuracy by confidence', [
    ...scale,
    ideal,
    ...curves,
    `<text x="${chartWidth / 2}" y="${axis + 38}" text-anchor="middle">accuracy by confidence in %; larger dots hold more pixels</text>`,
    ...legend,
  ]);
}
