import type { JSX } from 'preact';

/** Line of a chart. */
export interface Line {
  readonly name: string;
  /** As CSS. */
  readonly color: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Below and above a line, for a band. */
  readonly spread?: readonly (readonly [x: number, low: number, high: number])[];
}

/** Returns the size of a chart: its letters are as large as those of the page, on a phone too. */
function chartSize() {
  const width = Math.max(300, Math.min(640, innerWidth - 56));
  return { width, height: 260, left: 56, right: 12, top: 12, bottom: 34 };
}

/** Chart of lines with both axes. A table beside it tells the same to those who cannot see it. */
export function LineChart({
  title,
  lines,
  across,
  up,
  upFrom,
}: {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly across: string;
  readonly up: string;
  /** Lowest value of the axis; else that of the lines. */
  readonly upFrom?: number;
}): JSX.Element | null {
  const points = lines.flatMap((line) => [
    ...line.points,
    ...(line.spread ?? []).flatMap(([x, low, high]) => [[x, low] as const, [x, high] as const]),
  ]);
  if (points.length === 0) return null;
  const size = chartSize();
  const x = axis(
    points.map(([value]) => value),
    size.left,
    size.width - size.right,
  );
  const y = axis(
    [...points.map(([, value]) => value), ...(upFrom === undefined ? [] : [upFrom])],
    size.height - size.bottom,
    size.top,
  );
  const path = (line: readonly (readonly [number, number])[]): string =>
    line.map(([a, b]) => `${x.place(a).toFixed(1)},${y.place(b).toFixed(1)}`).join(' ');
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${size.width} ${size.height}`} role="img" aria-label={title}>
        {x.ticks.map((tick) => (
          <g key={`x${tick}`}>
            <line class="grid" x1={x.place(tick)} x2={x.place(tick)} y1={size.top} y2={size.height - size.bottom} />
            <text x={x.place(tick)} y={size.height - size.bottom + 14} text-anchor="middle">
              {tick}
            </text>
          </g>
        ))}
        {y.ticks.map((tick) => (
          <g key={`y${tick}`}>
            <line class="grid" x1={size.left} x2={size.width - size.right} y1={y.place(tick)} y2={y.place(tick)} />
            <text x={size.left - 6} y={y.place(tick) + 4} text-anchor="end">
              {tick}
            </text>
          </g>
        ))}
        {lines.map(({ name, color, spread }) =>
          spread === undefined ? null : (
            <polygon
              key={`${name} spread`}
              fill={color}
              fill-opacity="0.12"
              points={path([
                ...spread.map(([a, low]) => [a, low] as const),
                ...[...spread].reverse().map(([a, , high]) => [a, high] as const),
              ])}
            />
          ),
        )}
        {lines.map((line) => (
          <g key={line.name} fill="none">
            {/* Light colours of classes are seen on white by their edges. */}
            <path class="edge" d={`M${path(line.points)}`} />
            <polyline stroke={line.color} stroke-width="2" points={path(line.points)} />
          </g>
        ))}
        <text x={(size.left + size.width) / 2} y={size.height - 4} text-anchor="middle">
          {across}
        </text>
        <text x={12} y={size.height / 2} text-anchor="middle" transform={`rotate(-90 12 ${size.height / 2})`}>
          {up}
        </text>
      </svg>
      {lines.length > 1 && (
        <figcaption>
          {lines.map(({ name, color }) => (
            <span key={name} class="key">
              <svg width="18" height="8" aria-hidden="true">
                <rect class="edge" x="0.5" y="1.5" width="17" height="5" fill={color} />
              </svg>
              {name}
            </span>
          ))}
        </figcaption>
      )}
    </figure>
  );
}

interface Axis {
  readonly ticks: readonly number[];
  place(value: number): number;
}

/** Axis from the smallest to the largest value, with about five round ticks. */
function axis(values: readonly number[], start: number, end: number): Axis {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const range = high > low ? high - low : 1;
  const power = 10 ** Math.floor(Math.log10(range / 5));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= range / 5) ?? 10);
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step); tick * step <= low + range; tick++)
    ticks.push(Number((tick * step).toPrecision(6)));
  return { ticks, place: (value) => start + ((end - start) * (value - low)) / range };
}
