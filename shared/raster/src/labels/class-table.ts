/** Tables of classes: the values that label files hold, with names and colours. */
import { failure } from '@hyperswap/errors';
import { classesOf, isHeader } from '../formats/envi.js';
import { readHeader } from '../formats/envi/header.js';
import type { RasterClass } from '../raster-info.js';
import { openFile } from '../source/random-access.js';
import { attributesOf, elementsOf } from '../xml.js';

const maximumBytes = 16 * 1024 ** 2;
const separators = [',', ';', '\t', '|'];
const columnNames = {
  value: ['value', 'code', 'class', 'class_id', 'classid', 'id', 'label', 'number'],
  name: ['name', 'class_name', 'classname', 'category', 'description', 'label'],
  color: ['color', 'colour', 'hex', 'rgb'],
  red: ['red', 'r'],
  green: ['green', 'g'],
  blue: ['blue', 'b'],
};

/**
 * Reads a table of classes: a style of QGIS (`.qml`, of a paletted raster), the header of an ENVI classification, or
 * text with columns `value` and `name`, and perhaps `color` (`#rrggbb`) or `red`, `green` and `blue`.
 *
 * @throws FILE_UNREADABLE, FILE_FORMAT
 */
export async function readClassTable(file: string): Promise<RasterClass[]> {
  const source = await openFile(file);
  try {
    const invalid = (reason: string): Error =>
      failure('FILE_FORMAT', { file: source.name, expected: 'class table', reason });
    if (source.size > maximumBytes) throw invalid(`it has ${source.size} bytes, more than ${maximumBytes}`);
    const bytes = await source.read(0, source.size);
    if (isHeader(bytes)) {
      const classes = classesOf(await readHeader(source));
      if (classes === undefined) throw invalid('its header is none of an ENVI classification with classes');
      return classes;
    }
    const text = new TextDecoder().decode(bytes).replace(/^\uFEFF/, '');
    const classes = /^\s*</.test(text) ? styleClasses(text) : textClasses(text, invalid);
    if (classes.length === 0) throw invalid('it names no class');
    return classes;
  } finally {
    await source.close();
  }
}

/** Entries of a paletted renderer, or of a colour ramp. */
function styleClasses(xml: string): RasterClass[] {
  const entries = elementsOf(xml, 'paletteEntry');
  return (entries.length > 0 ? entries : elementsOf(xml, 'item')).flatMap(({ attributes }) => {
    const { value, label, color } = attributesOf(attributes);
    const code = Number(value);
    if (value === undefined || value === '' || !Number.isInteger(code)) return [];
    return [{ value: code, name: label, color: hexColor(color) }];
  });
}

function textClasses(text: string, invalid: (reason: string) => Error): RasterClass[] {
  const lines = text.split(/\r\n|\n|\r/).filter((line) => line.trim() !== '');
  const header = lines[0] ?? '';
  const separator = separators.find((candidate) => header.includes(candidate));
  if (separator === undefined) throw invalid('its first line names no columns value and name');
  const cellsOf = (line: string): string[] =>
    line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  const names = cellsOf(header).map((name) => name.toLowerCase());
  const column = (wanted: readonly string[], but = -1): number =>
    wanted.map((name) => names.indexOf(name)).find((index) => index >= 0 && index !== but) ?? -1;
  const value = column(columnNames.value);
  const name = column(columnNames.name, value);
  if (value < 0 || name < 0)
    throw invalid(`its first line names no columns value and name; it has ${names.join(', ')}`);
  const color = column(columnNames.color);
  const channels = [column(columnNames.red), column(columnNames.green), column(columnNames.blue)];
  return lines.slice(1).map((line, index) => {
    const cells = cellsOf(line);
    const code = Number(cells[value]);
    if ((cells[value] ?? '') === '' || !Number.isInteger(code)) {
      throw invalid(`line ${index + 2} has the value ${cells[value] ?? ''}, which is no whole number`);
    }
    const numbers = channels.map((place) => Number(cells[place] ?? Number.NaN));
    const isColor = numbers.every((channel) => Number.isInteger(channel) && channel >= 0 && channel < 256);
    const mixed = isColor ? (numbers[0]! << 16) | (numbers[1]! << 8) | numbers[2]! : undefined;
    return { value: code, name: cells[name] ?? '', color: mixed ?? hexColor(cells[color]) };
  });
}

function hexColor(text: string | undefined): number | undefined {
  const hex = /^#?([\da-f]{6})$/i.exec(text ?? '')?.[1];
  return hex === undefined ? undefined : Number.parseInt(hex, 16);
}
