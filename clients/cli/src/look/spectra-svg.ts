import type { RasterInfo } from '@hyperswap/proto';
import { escapeHtml } from '../report/escape-html.js';
import { ticksOf } from '../report/svg.js';
import type { ClassSpectrum } from './spectra.js';

const size = { width: 1000, height: 560, left: 80, right: 270, top: 40, bottom: 50 };

/**
 * Draws the mean spectrum of each class as a line in its colour, with a band of one standard deviation around it, over
 * wavelength, or over the number of the band where wavelengths are not known. Bad bands are left out, and lines are
 * broken there.
 */
export function spectraSvg(
  title: string,
  spectra: readonly ClassSpectrum[],
  { bands, wavelengths, goodBands }: Pick<RasterInfo, 'bands' | 'wavelengths' | 'goodBands'>,
): string {
  const positions = Array.from({ length: bands }, (_, band) => wavelengths[band] ?? band + 1);
  const isDrawn = (band: number): boolean => goodBands[band] !== false;
  const drawn = positions.flatMap((_, band) => (isDrawn(band) ? [band] : []));
  const reach = drawn.flatMap((band) =>
    spectra.flatMap(({ mean, deviation }) => [mean[band]! - deviation[band]!, mean[band]! + deviation[band]!]),
  );
  const smallest = (values: readonly number[]): number =>
    values.reduce((least, value) => Math.min(least, value), Infinity);
  const largest = (values: readonly number[]): number =>
    values.reduce((most, value) => Math.max(most, value), -Infinity);
  const across = axis(
    drawn.map((band) => positions[band]!),
    size.left,
    size.width - size.right,
  );
  const up = axis([Math.min(0, smallest(reach)), largest(reach)], size.height - size.bottom, size.top);
  const point = (band: number, value: number): string =>
    `${across.place(positions[band]!).toFixed(1)},${up.place(value).toFixed(1)}`;
  const runs = consecutive(drawn, positions);
  const bandsOfSpread = spectra.flatMap(({ color, mean, deviation }) =>
    runs.map((run) => {
      const upper = run.map((band) => point(band, mean[band]! + deviation[band]!));
      const lower = [...run].reverse().map((band) => point(band, mean[band]! - deviation[band]!));
      return `<polygon points="${[...upper, ...lower].join(' ')}" fill="${hex(color)}" fill-opacity="0.08"/>`;
    }),
  );
  const lines = spectra.flatMap(({ color, mean }) =>
    runs.map((run) => {
      const points = run.map((band) => point(band, mean[band]!)).join(' ');
      return `<polyline points="${points}" fill="none" stroke="${hex(color)}" stroke-width="1.6"/>`;
    }),
  );
  const legend = spectra.map(({ name, color, pixels }, index) => {
    const y = size.top + 10 + index * 22;
    const x = size.width - size.right + 20;
    return `<line x1="${x}" x2="${x + 24}" y1="${y}" y2="${y}" stroke="${hex(color)}" stroke-width="4"/><text x="${x + 32}" y="${y + 4}">${escapeHtml(name)} (${pixels})</text>`;
  });
  const ticksAcross = across.ticks.map((value) => {
    const x = across.place(value).toFixed(1);
    return `<line x1="${x}" x2="${x}" y1="${size.top}" y2="${size.height - size.bottom}" stroke="#eee"/><text x="${x}" y="${size.height - size.bottom + 18}" text-anchor="middle">${value}</text>`;
  });
  const ticksUp = up.ticks.map((value) => {
    const y = up.place(value).toFixed(1);
    return `<line x1="${size.left}" x2="${size.width - size.right}" y1="${y}" y2="${y}" stroke="#ddd"/><text x="${size.left - 8}" y="${Number(y) + 4}" text-anchor="end">${value}</text>`;
  });
  const unit = wavelengths.length > 0 ? 'wavelength in nm' : 'band';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}" font-size="12" font-family="sans-serif">
<rect width="${size.width}" height="${size.height}" fill="#fff"/>
<text x="${size.left}" y="24" font-size="16">${escapeHtml(title)}</text>
${[...ticksAcross, ...ticksUp, ...bandsOfSpread, ...lines, ...legend].join('\n')}
<text x="${(size.left + size.width - size.right) / 2}" y="${size.height - 10}" text-anchor="middle">${unit}</text>
</svg>
`;
}

interface Axis {
  readonly ticks: readonly number[];
  place(value: number): number;
}

/** Axis from the smallest to the largest value, with about six round ticks. */
function axis(values: readonly number[], start: number, end: number): Axis {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const range = high > low ? high - low : 1;
  return { ticks: ticksOf(low, low + range), place: (value) => start + ((end - start) * (value - low)) / range };
}

/**
 * Cuts bands into runs without a bad band between them, and without a gap that is four times wider than the one before.
 */
function consecutive(drawn: readonly number[], positions: readonly number[]): number[][] {
  const runs: number[][] = [];
  let gap = Infinity;
  for (const band of drawn) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    const distance = last === undefined ? 0 : Math.abs(positions[band]! - positions[last]!);
    if (run === undefined || last !== band - 1 || distance > 4 * gap) runs.push([band]);
    else {
      run.push(band);
      gap = distance;
    }
  }
  return runs;
}

function hex(color: number): string {
  return `#${color.toString(16).padStart(6, '0')}`;
}
