/** Charts as SVG: panels of lines under each other, readable at a width of 600 pixels. */

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Panel {
  readonly title: string;
  readonly series: readonly Series[];
  /** Marks on the horizontal axis, with a text each. */
  readonly marks?: readonly (readonly [x: number, text: string])[];
}

export interface Chart {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly xTitle: string;
}

const colors = ['#1f6feb', '#d1242f', '#1a7f37', '#9a6700'];
const [width, left, right, panelHeight, gap, top] = [640, 64, 20, 120, 44, 40];

/** Draws a chart. Every panel begins at 0. */
export function svgChart({ title, panels, xTitle }: Chart): string {
  const height = top + panels.length * (panelHeight + gap) + 24;
  const xs = panels.flatMap(({ series }) => series.flatMap(({ points }) => points.map(([x]) => x)));
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const x = (value: number): number => left + ((value - first) / (last - first || 1)) * (width - left - right);
  const parts = panels.map((panel, index) => drawPanel(panel, top + index * (panelHeight + gap) + 16, x));
  const bottom = top + panels.length * (panelHeight + gap);
  const ticks = ticksOf(first, last).map((tick) => text(x(tick), bottom - 12, format(tick), 'middle'));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`,
    ` font-family="sans-serif" font-size="12" fill="#1f2328"><rect width="100%" height="100%" fill="#ffffff"/>`,
    text(left, 20, title, 'start', 'font-size="14" font-weight="bold"'),
    ...parts,
    ...ticks,
    text((left + width - right) / 2, bottom + 8, xTitle, 'middle'),
    '</svg>\n',
  ].join('\n');
}

function drawPanel({ title, series, marks = [] }: Panel, y0: number, x: (value: number) => number): string {
  const most = Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y)), 0);
  const ticks = ticksOf(0, most === 0 ? 1 : most, 4);
  const high = Math.max(most, ticks.at(-1)!) || 1;
  const y = (value: number): number => y0 + panelHeight * (1 - value / high);
  const grid = ticks.flatMap((tick) => [
    `<line x1="${left}" x2="${width - right}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}" stroke="#d8dee4"/>`,
    text(left - 6, y(tick) + 4, format(tick), 'end'),
  ]);
  const lines = series.map(({ points }, index) => {
    const path = points.map(([px, py]) => `${x(px).toFixed(1)},${y(py).toFixed(1)}`).join(' ');
    return `<polyline fill="none" stroke="${colors[index % colors.length]}" stroke-width="1.6" points="${path}"/>`;
  });
  const legend =
    series.length < 2
      ? []
      : series.map(({ name }, index) =>
          text(width - right - 130 * (series.length - 1 - index), y0 - 6, name, 'end', `fill="${colors[index]}"`),
        );
  const marked = marks.flatMap(([at, what]) => [
    `<line x1="${x(at).toFixed(1)}" x2="${x(at).toFixed(1)}" y1="${y0}" y2="${y0 + panelHeight}" stroke="#57606a" stroke-dasharray="4 3"/>`,
    text(x(at) + 4, y0 + 12, what, 'start', 'fill="#57606a"'),
  ]);
  return [text(left, y0 - 6, title, 'start'), ...grid, ...lines, ...legend, ...marked].join('\n');
}

function text(x: number, y: number, content: string, anchor: string, more = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${more}>${escaped}</text>`;
}

/** Returns round numbers from a value to another. */
function ticksOf(from: number, to: number, most = 7): number[] {
  const rough = (to - from) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!;
  const count = Math.floor(to / step + 1e-9) - Math.ceil(from / step - 1e-9) + 1;
  return Array.from({ length: count }, (_, index) => (Math.ceil(from / step - 1e-9) + index) * step);
}

function format(value: number): string {
  return String(Number(value.toPrecision(6)));
}
