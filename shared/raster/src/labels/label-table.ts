import { StringDecoder } from 'node:string_decoder';
import { setImmediate } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import type { RandomAccess } from '../source/random-access.js';
import type { LabelClasses } from './label-classes.js';
import type { LabelOptions, LabelTarget } from './label-options.js';

/** Names that columns go by, in lower case. */
const columnNames = {
  row: ['row', 'rows', 'line', 'lines', 'i'],
  column: ['column', 'columns', 'col', 'cols', 'sample', 'samples', 'j'],
  label: [
    'label',
    'labels',
    'class',
    'classes',
    'class_id',
    'classid',
    'class_name',
    'name',
    'category',
    'code',
    'gt',
    'value',
  ],
};
const separators = [',', ';', '\t', '|', ' '];
const chunkBytes = 256 * 1024;
const maximumLineLength = 10_000;

interface Columns {
  readonly separator: string;
  readonly row: number;
  readonly column: number;
  readonly label: number;
}

/** Tells a table of labelled pixels: text whose first line names columns for row and column. */
export function isLabelTable(head: Uint8Array): boolean {
  const line = new TextDecoder()
    .decode(head)
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)[0]!;
  return separators.some((separator) => {
    const names = split(line, separator).map((name) => name.toLowerCase());
    return (
      columnNames.row.some((name) => names.includes(name)) && columnNames.column.some((name) => names.includes(name))
    );
  });
}

/**
 * Reads labels of single pixels out of a table with one pixel a line, rows and columns from 0. The separator is that of
 * its first line: a comma, semicolon, tab, bar or spaces. Labels are numbers or names of classes.
 *
 * @throws LABELS_VALUES naming the line
 */
export async function readLabelTable(
  source: RandomAccess,
  { height, width }: LabelTarget,
  classes: LabelClasses,
  { nodata, labelProperty }: LabelOptions,
): Promise<Uint8Array> {
  const labels = new Uint8Array(height * width);
  const isSet = new Uint8Array(height * width);
  const known = new Map<string, number>();
  let columns: Columns | undefined;
  let number = 0;
  const invalid = (reason: string): Error =>
    failure('LABELS_VALUES', { labels: source.name, reason: `line ${number} ${reason}` });

  const take = (line: string): void => {
    number += 1;
    if (columns === undefined) {
      columns = findColumns(source.name, line, labelProperty);
      return;
    }
    if (line === '' || line.trim() === '') return;
    if (line.length > maximumLineLength) throw invalid(`has ${line.length} characters`);
    const cells = split(line, columns.separator);
    const [row, column] = [toNumber(cells[columns.row]), toNumber(cells[columns.column])];
    if (!isIndex(row, height) || !isIndex(column, width)) {
      throw invalid(`has row ${row}, column ${column}, outside the scene of ${height} × ${width} pixels`);
    }
    const text = cells[columns.label] ?? '';
    let label = known.get(text);
    if (label === undefined) {
      label = text === '' ? undefined : classes.labelOf(text, nodata);
      if (label === undefined) throw invalid(`has the label ${text === '' ? 'NaN' : text}`);
      known.set(text, label);
    }
    const pixel = row * width + column;
    if (isSet[pixel] === 1 && labels[pixel] !== label)
      throw invalid(`labels row ${row}, column ${column} a second time`);
    isSet[pixel] = 1;
    labels[pixel] = label;
  };

  const decoder = new StringDecoder('utf8');
  let rest = '';
  for (let place = 0; place < source.size; place += chunkBytes) {
    const bytes = await source.read(place, Math.min(chunkBytes, source.size - place));
    const text = rest + decoder.write(Buffer.from(bytes));
    const lines = (place === 0 ? text.replace(/^\uFEFF/, '') : text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) take(line.endsWith('\r') ? line.slice(0, -1) : line);
    if (rest.length > maximumLineLength)
      throw invalid(`or the one after it has more than ${maximumLineLength} characters`);
    // Yields to the event loop.
    await setImmediate();
  }
  take((rest + decoder.end()).replace(/\r$/, ''));
  return labels;
}

/** @throws LABELS_VALUES when there is no column of labels */
function findColumns(file: string, header: string, labelProperty: string | undefined): Columns {
  for (const separator of separators) {
    const names = split(header, separator);
    const lower = names.map((name) => name.toLowerCase());
    const find = (wanted: readonly string[]): number => lower.findIndex((name) => wanted.includes(name));
    const [row, column] = [find(columnNames.row), find(columnNames.column)];
    if (row < 0 || column < 0) continue;
    const label =
      labelProperty === undefined
        ? columnNames.label.map((name) => lower.indexOf(name)).find((index) => index >= 0)
        : names.indexOf(labelProperty);
    if (label !== undefined && label >= 0) return { separator, row, column, label };
    const reason = `it has no column ${labelProperty ?? 'label or class'}; it has ${names.join(', ')}: name one with --label-property`;
    throw failure('LABELS_VALUES', { labels: file, reason });
  }
  throw failure('LABELS_VALUES', { labels: file, reason: 'its first line names no columns row and column' });
}

function split(line: string, separator: string): string[] {
  const cells = separator === ' ' ? line.trim().split(/\s+/) : line.split(separator);
  return cells.map((cell) => {
    const trimmed = cell.trim();
    return trimmed.startsWith('"') && trimmed.endsWith('"') && trimmed.length > 1 ? trimmed.slice(1, -1) : trimmed;
  });
}

function toNumber(cell: string | undefined): number {
  return cell === undefined || cell === '' ? Number.NaN : Number(cell);
}

function isIndex(value: number, length: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < length;
}
