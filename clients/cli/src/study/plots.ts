/** Plots as SVG. */
import { escapeHtml } from '../report/escape-html.js';
import type { StudyLine } from './study-summary.js';

const width = 760;
const rowHeight = 26;
const left = 220;

/** Overall accuracies as bars with their deviations. */
export function renderBars(lines: readonly StudyLine[]): string {
  const lowest = Math.min(...lines.map(({ overallAccuracy }) => overallAccuracy.mean - overallAccuracy.deviation));
  const start = Math.max(0, Math.floor(10 * lowest - 0.5) / 10);
  const x = (share: number): number => left + ((width - left - 80) * (share - start)) / (1 - start);
  const bars = lines.map(({ label, overallAccuracy: { mean, deviation } }, index) => {
    const y = 10 + index * rowHeight;
    const error = `<line x1="${x(mean - deviation)}" x2="${x(mean + deviation)}" y1="${y + 9}" y2="${y + 9}" stroke="#1a1a1e" stroke-width="2"/>`;
    return (
      `<text x="${left - 8}" y="${y + 14}" text-anchor="end">${escapeHtml(label)}</text>` +
      `<rect x="${left}" y="${y}" width="${Math.max(0, x(mean) - left)}" height="18" fill="#4c9be8"/>${error}` +
      `<text x="${x(Math.min(1, mean + deviation)) + 6}" y="${y + 14}">${(100 * mean).toFixed(2)}</text>`
    );
  });
  const height = 34 + lines.length * rowHeight;
  const axis = `<text x="${left}" y="${height - 6}">${(100 * start).toFixed(0)}</text><text x="${x(1)}" y="${height - 6}" text-anchor="end">100 % OA</text>`;
  return svg(height, [...bars, axis]);
}

/** Overall accuracy over λ, one line a method. */
export function renderLambdas(lines: readonly StudyLine[]): string {
  const swept = lines.filter(({ lambda }) => lambda !== undefined);
  const lambdas = [...new Set(swept.map(({ lambda }) => lambda!))].sort((a, b) => a - b);
  const accuracies = swept.map(({ overallAccuracy }) => overallAccuracy.mean);
  const [low, high] = [Math.min(...accuracies) - 0.005, Math.max(...accuracies) + 0.005];
  const height = 280;
  const x = (index: number): number => 70 + ((width - 220) * index) / Math.max(1, lambdas.length - 1);
  const y = (share: number): number => 20 + ((height - 70) * (high - share)) / (high - low);
  const colors = ['#1c7ed6', '#e8590c', '#2f9e44', '#9c36b5'];
  const keys = [...new Set(swept.map(({ method, backbone }) => `${method} ${backbone}`))];
  const curves = keys.map((key, index) => {
    const own = swept.filter(({ method, backbone }) => `${method} ${backbone}` === key);
    const points = own
      .map(({ lambda, overallAccuracy }) => [lambdas.indexOf(lambda!), overallAccuracy.mean] as const)
      .sort(([a], [b]) => a - b)
      .map(([place, share]) => `${x(place).toFixed(1)},${y(share).toFixed(1)}`);
    const color = colors[index % colors.length]!;
    return (
      `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>` +
      `<text x="${width - 140}" y="${30 + 18 * index}" fill="${color}">${escapeHtml(key)}</text>`
    );
  });
  const ticks = lambdas.map(
    (lambda, index) => `<text x="${x(index)}" y="${height - 28}" text-anchor="middle">${lambda}</text>`,
  );
  const sides = [low, high].map(
    (share) => `<text x="62" y="${y(share) + 4}" text-anchor="end">${(100 * share).toFixed(1)}</text>`,
  );
  return svg(height, [...curves, ...ticks, ...sides, `<text x="${width / 2}" y="${height - 8}">λ</text>`]);
}

function svg(height: number, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-size="13" font-family="sans-serif">
<rect width="${width}" height="${height}" fill="#fff"/>
${content.join('\n')}
</svg>`;
}
