import { failure } from '@hyperswap/errors';

const columns = ['row', 'column', 'label'] as const;

/** Whether bytes are a table of labelled pixels: text whose first line names the columns `row`, `column` and `label`, in any order. */
export function isLabelTable(bytes: Uint8Array): boolean {
  const names = splitLine(new TextDecoder().decode(bytes.subarray(0, 1000)).split(/\r?\n/)[0] ?? '');
  return columns.every((name) => names.includes(name));
}

/**
 * Labels of single pixels out of a comma-separated table, rows and columns from 0.
 *
 * @param file named in errors
 * @throws LABELS_VALUES naming the line
 */
export function readLabelTable(
  file: string,
  bytes: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
): Uint8Array {
  const [header, ...lines] = new TextDecoder().decode(bytes).split(/\r?\n/);
  const places = columns.map((name) => splitLine(header!).indexOf(name));
  const labels = new Uint8Array(height * width);
  lines.forEach((line, index) => {
    if (line.trim() === '') return;
    const cells = splitLine(line);
    const [row, column, label] = places.map((place) => Number(cells[place] === '' ? NaN : cells[place])) as [
      number,
      number,
      number,
    ];
    const invalid = (reason: string): Error =>
      failure('LABELS_VALUES', { labels: file, reason: `line ${index + 2} ${reason}` });
    if (!isIndex(row, height) || !isIndex(column, width)) {
      throw invalid(`has row ${row}, column ${column}, outside the scene of ${height} × ${width} pixels`);
    }
    if (!Number.isInteger(label) || label < 0 || label > 255) throw invalid(`has the label ${label}`);
    const pixel = row * width + column;
    if (labels[pixel] !== 0 && labels[pixel] !== label)
      throw invalid(`labels row ${row}, column ${column} a second time`);
    labels[pixel] = label;
  });
  return labels;
}

function isIndex(value: number, length: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < length;
}

function splitLine(line: string): string[] {
  return line.split(',').map((cell) => cell.trim().replaceAll(/^"|"$/g, ''));
}
