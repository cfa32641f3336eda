import { chartWidth, renderSvg } from './svg.js';

/**
 * Returns losses as an SVG line.
 *
 * @param unit unit of one point, for example `epoch`
 */
export function renderLossCurve(losses: readonly number[], unit: string): string {
  const height = 220;
  const left = 50;
  const top = 10;
  const bottom = 30;
  const highest = Math.max(...losses);
  const x = (point: number): number => left + ((chartWidth - left - 10) * point) / Math.max(1, losses.length - 1);
  const y = (loss: number): number => top + (height - top - bottom) * (1 - loss / highest);
  const points = losses.map((loss, point) => `${x(point).toFixed(1)},${y(loss).toFixed(1)}`).join(' ');
  const ticks = [0, highest / 2, highest].map(
    (loss) =>
      `<text x="${left - 6}" y="${y(loss) + 4}" text-anchor="end">${loss.toFixed(2)}</text>` +
      `<line x1="${left}" x2="${chartWidth - 10}" y1="${y(loss)}" y2="${y(loss)}" stroke="#ddd"/>`,
  );
  return renderSvg(height, `Loss by ${unit}`, [
    ...ticks,
    `<text x="${chartWidth / 2}" y="${height - 8}" text-anchor="middle">1 to ${losses.length}, one point for one ${unit}</text>`,
    `<polyline points="${points}" fill="none" stroke="#1c7ed6" stroke-width="2"/>`,
  ]);
}
