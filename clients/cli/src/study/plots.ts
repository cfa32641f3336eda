/** Plots of a study as SVG. */
import { escapeHtml } from '../report/escape-html.js';
import { chartWidth, curveColor, renderSvg, ticksOf } from '../report/svg.js';
import type { StudyLine } from './study-summary.js';

const rowHeight = 26;
const left = 170;
const right = 62;

/** Returns overall accuracies as bars with their deviations, on one scale that holds both. */
export function renderBars(lines: readonly StudyLine[]): string {
  const ends = lines.flatMap(({ overallAccuracy: { mean, deviation } }) => [mean - deviation, mean + deviation]);
  const [low, high] = scaleOf(Math.min(...ends), Math.max(...ends));
  const x = (share: number): number =>
    left + ((chartWidth - left - right) * (Math.min(high, Math.max(low, share)) - low)) / (high - low);
  const axis = 14 + lines.length * rowHeight;
  const scale = ticksOf(100 * low, 100 * high).map(
    (tick) =>
      `<line x1="${x(tick / 100)}" x2="${x(tick / 100)}" y1="8" y2="${axis}" stroke="#ddd"/>` +
      `<text x="${x(tick / 100)}" y="${axis + 16}" text-anchor="middle">${tick}</text>`,
  );
  const bars = lines.map(({ label, overallAccuracy: { mean, deviation } }, index) => {
    const y = 10 + index * rowHeight;
    const [from, to] = [x(mean - deviation), x(mean + deviation)];
    const whisker =
      deviation === 0
        ? ''
        : `<path d="M${from} ${y + 9}H${to}M${from} ${y + 4}v10M${to} ${y + 4}v10" stroke="#1a1a1e" stroke-width="1.5" fill="none"/>`;
    return (
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escapeHtml(label)}</text>` +
      `<rect x="${left}" y="${y}" width="${x(mean) - left}" height="18" fill="#4c9be8"/>${whisker}` +
      `<text x="${Math.max(x(mean), to) + 6}" y="${y + 14}">${(100 * mean).toFixed(2)}</text>`
    );
  });
  const name = `<text x="${(left + chartWidth - right) / 2}" y="${axis + 34}" text-anchor="middle">overall accuracy in %</text>`;
  return renderSvg(axis + 42, 'Overall accuracy of each method', [...scale, ...bars, name]);
}

/** Returns ends of a scale that holds some shares with room for bars, within 0 and 1. */
function scaleOf(lowest: number, highest: number): readonly [number, number] {
  const room = Math.max(0.01, 0.15 * (highest - lowest));
  const low = Math.max(0, Math.floor(50 * (lowest - room)) / 50);
  return [low, Math.min(1, Math.ceil(50 * (highest + 0.002)) / 50)];
}

/** Returns overall accuracy over λ, one curve a method; empty where no λ was swept. */
export function renderLambdas(lines: readonly StudyLine[]): string {
  const swept = lines.filter(({ lambda }) => lambda !== undefined);
  if (swept.length === 0) return '';
  const lambdas = [...new Set(swept.map(({ lambda }) => lambda!))].sort((a, b) => a - b);
  const accuracies = swept.map(({ overallAccuracy }) => overallAccuracy.mean);
  const [low, high] = [Math.min(...accuracies) - 0.005, Math.max(...accuracies) + 0.005];
  const height = 300;
  const x = (index: number): number => 60 + ((chartWidth - 100) * index) / Math.max(1, lambdas.length - 1);
  const y = (share: number): number => 12 + ((height - 90) * (high - share)) / (high - low);
  const keys = [...new Set(swept.map(({ method, backbone }) => `${method} ${backbone}`))];
  const curves = keys.map((key, index) => {
    const own = swept.filter(({ method, backbone }) => `${method} ${backbone}` === key);
    const points = own
      .map(({ lambda, overallAccuracy }) => [lambdas.indexOf(lambda!), overallAccuracy.mean] as const)
      .sort(([a], [b]) => a - b)
      .map(([place, share]) => `${x(place).toFixed(1)},${y(share).toFixed(1)}`);
    const color = curveColor(index);
    return (
      `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>` +
      `<text x="${60 + (index % 2) * 230}" y="${height - 14 - 18 * Math.floor(index / 2)}" fill="${color}">${escapeHtml(key)}</text>`
    );
  });
  const names = lambdas.map(
    (lambda, index) => `<text x="${x(index)}" y="${height - 56}" text-anchor="middle">${lambda}</text>`,
  );
  const sides = ticksOf(100 * low, 100 * high).map(
    (tick) =>
      `<line x1="56" x2="${chartWidth - 30}" y1="${y(tick / 100)}" y2="${y(tick / 100)}" stroke="#ddd"/>` +
      `<text x="50" y="${y(tick / 100) + 5}" text-anchor="end">${Number(tick.toFixed(2))}</text>`,
  );
  return renderSvg(height, 'Overall accuracy by λ', [...sides, ...curves, ...names]);
}
