import { escapeHtml } from './escape-html.js';

/** Width of charts: narrow, so that their text can be read where a phone makes them smaller. */
export const chartWidth = 520;

/** Colours of curves, one a method; they repeat. */
const colors = ['#1c7ed6', '#e8590c', '#2f9e44', '#9c36b5', '#c2255c', '#0c8599', '#5f3dc4', '#846358', '#495057'];

/** Returns the colour of the n-th curve. */
export function curveColor(index: number): string {
  return colors[index % colors.length]!;
}

/** Pixels left of a plot, for the numbers of its scale. */
export const plotLeft = 46;

/** Returns an entry of a legend in two columns. */
export function legendEntry(label: string, index: number, y: number): string {
  const [x, row] = [plotLeft + (index % 2) * 240, y + 20 * Math.floor(index / 2)];
  return (
    `<rect x="${x}" y="${row - 10}" width="14" height="10" fill="${curveColor(index)}"/>` +
    `<text x="${x + 20}" y="${row}">${escapeHtml(label)}</text>`
  );
}

/** Returns a chart of some elements on a white ground. @param label text alternative of the chart */
export function renderSvg(height: number, label: string, content: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${label}" width="${chartWidth}" height="${height}" viewBox="0 0 ${chartWidth} ${height}" font-size="14" font-family="sans-serif">
<rect width="${chartWidth}" height="${height}" fill="#fff"/>
${content.join('\n')}
</svg>`;
}

/** Returns steps of a scale that ends at its ends: at most six of 1, 2 or 5 times a power of ten. */
export function ticksOf(low: number, high: number): number[] {
  const span = high - low;
  const power = 10 ** Math.floor(Math.log10(span / 5));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => span / size <= 6)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(6)));
}
