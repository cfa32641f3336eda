/** Text in columns of a fixed width, for a screen. */

export interface Column<Row> {
  readonly title: string;
  /** Width in characters; 0: the rest of the line. */
  readonly width: number;
  readonly cell: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** Part of a text that is too long which is left out. @default end */
  readonly cut?: 'start' | 'end';
}

/** Returns the title line and a line a row, none longer than the width. */
export function columnsOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  const taken = columns.reduce((sum, column) => sum + column.width + 1, -1);
  const line = (cellOf: (column: Column<Row>) => string): string =>
    columns
      .map((column) => fitted(cellOf(column), column.width || Math.max(8, width - taken), column))
      .join(' ')
      .trimEnd();
  return [line(({ title }) => title), ...rows.map((row) => line(({ cell }) => cell(row)))];
}

/** Cuts or fills a text. */
function fitted(
  text: string,
  width: number,
  { align = 'right', cut = 'end' }: Pick<Column<never>, 'align' | 'cut'>,
): string {
  const isLong = text.length > width;
  const part = !isLong ? text : cut === 'end' ? `${text.slice(0, width - 1)}…` : `…${text.slice(1 - width)}`;
  return align === 'left' ? part.padEnd(width) : part.padStart(width);
}

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const units = ['', 'k', 'M', 'G', 'T'] as const;

/** Returns a number in at most six characters, as 1,234 or 12.3M. */
export function count(value: number): string {
  return value < 99_999.5 ? grouped.format(value) : scaled(value, 1000);
}

/** Returns a rate, with a decimal where it is small. */
export function rate(value: number): string {
  return value < 9.95 ? value.toFixed(1) : count(value);
}

/** Returns bytes as 9.1M or 1.2G, in powers of 1024. */
export function bytes(value: number): string {
  return scaled(value, 1024);
}

/** Returns a time as 12 ms, 1.2 s or 3 min; `-` for none. */
export function time(seconds: number | null): string {
  if (seconds === null) return '-';
  if (seconds < 0.9995) return `${(1000 * seconds).toFixed(seconds < 0.0095 ? 1 : 0)} ms`;
  return seconds < 99.5 ? `${seconds.toFixed(1)} s` : `${(seconds / 60).toFixed(0)} min`;
}

/** Returns a share in percent; `-` for none. */
export function share(value: number | null): string {
  return value === null ? '-' : `${(100 * value).toFixed(0)} %`;
}

function scaled(value: number, step: number): string {
  const power = value < step ? 0 : Math.min(units.length - 1, Math.floor(Math.log(value) / Math.log(step)));
  const number = value / step ** power;
  return `${number.toFixed(number < 9.95 && power > 0 ? 1 : 0)}${units[power]}`;
}
