/** Text in so many columns: lines that are folded between words, and tables whose cells are. */
import { stripVTControlCharacters } from 'node:util';

const gap = '  ';
/** Narrowest column of a table. */
const narrowest = 6;

/**
 * Returns a line folded between words into at most so many columns. Words are never cut.
 *
 * @param indented columns by which the lines after the first are indented; 2 more than the first by default
 */
export function foldLine(line: string, columns: number, indented?: number): string {
  if (widthOf(line) <= columns) return line;
  const indent = ' '.repeat(indented ?? Math.min(/^ */.exec(line)![0].length + 2, 8));
  const [first = '', ...rest] = foldWords(line, columns);
  return [first, ...(rest.length === 0 ? [] : foldWords(rest.join(' '), columns - indent.length))]
    .map((part, index) => (index === 0 ? part : indent + part))
    .join('\n');
}

/**
 * Returns a table, its columns as wide as their widest cell. One that is wider than `columns` has its widest columns
 * narrowed, and long cells on several lines.
 */
export function layOutTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
): string[] {
  const widths = header.map((title, column) => Math.max(...[title, ...rows.map((row) => row[column]!)].map(widthOf)));
  const total = (): number => widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1));
  while (total() > columns) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= narrowest) break;
    widths[widest]! -= 1;
  }
  return [header, ...rows].flatMap((row) => {
    const cells = row.map((cell, column) => foldCell(cell, widths[column]!));
    return Array.from({ length: Math.max(...cells.map((lines) => lines.length)) }, (_, line) =>
      cells
        .map((lines, column) => padTo(lines[line] ?? '', widths[column]!))
        .join(gap)
        .trimEnd(),
    );
  });
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

function padTo(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}

function foldWords(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  // The blanks before a word belong to its line, so that aligned text stays aligned.
  for (const [, blanks = '', word = ''] of text.matchAll(/( *)([^ ]+)/g)) {
    if (line !== '' && widthOf(line + blanks + word) > columns) {
      lines.push(line);
      line = word;
    } else line += blanks + word;
  }
  return [...lines, line];
}

/**
 * Folds a cell between words; a word that is wider than the column is cut, so that the columns beside it stay in place.
 */
function foldCell(cell: string, columns: number): string[] {
  return foldWords(cell, columns).flatMap((line) =>
    widthOf(line) <= columns ? [line] : (line.match(new RegExp(`.{1,${columns}}`, 'gu')) ?? []),
  );
}
