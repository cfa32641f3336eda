/** Options of the commands that read a user's files: the same wherever a file is named. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import { nanometresOf, type BandTable, type LabelOptions, type ReadOptions } from '@hyperswap/raster';

/** Values of a scene file's options, as given. */
export interface FileFlags {
  readonly variable?: string;
  readonly bandsFirst?: boolean;
  readonly bandsLast?: boolean;
  readonly nodata?: string;
  readonly scale?: string;
  readonly wavelengths?: string;
  readonly badBands?: string;
  readonly mask?: string;
}

/** Values of the label files' options, as given. */
export interface LabelFlags {
  readonly labelProperty?: string;
  readonly labelsNodata?: string;
  readonly labelsCrs?: string;
  readonly mapClasses?: string;
  readonly classTable?: string;
}

/** Adds the options of a scene file to a command. */
export function addFileOptions(command: Command): Command {
  return command
    .option('--variable <key>', 'variable of the scene in a file that holds several; the same as FILE:VARIABLE')
    .option('--bands-first', 'the file is bands × height × width')
    .option('--bands-last', 'the file is height × width × bands')
    .option('--nodata <value>', 'value of pixels without data, or nan; by default that of the file')
    .option('--scale <factor>', 'factor that turns values into reflectance; by default that of the file')
    .option('--wavelengths <file>', 'table of the bands’ wavelengths, and optionally full widths, one band a line')
    .option(
      '--bad-bands <list>',
      'bands that are not used, from 1, such as 104-108,220; in addition to those of the file',
    )
    .option(
      '--mask <file[:variable] or none>',
      'raster: pixels where it is not 0 hold no data; none: ignore also the mask that a product has beside its file',
    );
}

/** Adds the options of label files to a command. */
export function addLabelOptions(command: Command): Command {
  return command
    .option('--label-property <name>', 'property of features, or column of a table, with the class')
    .option('--labels-nodata <value>', 'value of unlabelled pixels, in addition to 0')
    .option('--labels-crs <EPSG:code or pixels>', 'coordinates of shapes; by default those of the file, or of RFC 7946')
    .option(
      '--map-classes <pairs or auto>',
      'classes of codes, as 11=1,41=2; auto: the codes that are present, in order',
    )
    .option(
      '--class-table <file>',
      'names and colours of the codes: a QGIS style (.qml), an ENVI header, or a table of value,name,color',
    );
}

/** Reads the options of a scene file. @throws FIELD_INVALID, FILE_UNREADABLE */
export async function readOptions(flags: FileFlags): Promise<ReadOptions> {
  const { variable, bandsFirst, bandsLast, nodata, scale, wavelengths, badBands, mask } = flags;
  if (bandsFirst === true && bandsLast === true) {
    throw failure('FIELD_INVALID', { field: '--bands-first', reason: 'it contradicts --bands-last' });
  }
  return {
    variable,
    axes: bandsFirst === true ? 'bands-first' : bandsLast === true ? 'bands-last' : undefined,
    nodata: nodata === undefined ? undefined : numberOf('--nodata', nodata, true),
    scale: scale === undefined ? undefined : numberOf('--scale', scale),
    wavelengths: wavelengths === undefined ? undefined : await readBandTable(wavelengths),
    badBands: badBands === undefined ? undefined : parseBands(badBands),
    mask: mask === undefined || mask === 'none' ? mask : splitVariable(mask),
  };
}

/** Reads the options of label files. @throws FIELD_INVALID */
export function labelOptions({ labelProperty, labelsNodata, labelsCrs }: LabelFlags): LabelOptions {
  return {
    labelProperty,
    nodata: labelsNodata === undefined ? undefined : numberOf('--labels-nodata', labelsNodata, true),
    shapesCrs: labelsCrs === undefined ? undefined : parseCrs(labelsCrs),
  };
}

/** Reads `--map-classes`. @throws FIELD_INVALID */
export function classMapping(given: string | undefined): ReadonlyMap<number, number> | 'auto' | undefined {
  if (given === undefined || given === 'auto') return given;
  return new Map(
    given.split(',').map((pair) => {
      const match = /^\s*(-?\d{1,15})\s*=\s*(\d{1,3})\s*$/.exec(pair);
      const label = Number(match?.[2]);
      if (match !== null && label <= 255) return [Number(match[1]), label];
      throw failure('FIELD_INVALID', {
        field: '--map-classes',
        reason: `${pair} is not code=class with a class from 0 to 255`,
      });
    }),
  );
}

/** Takes `FILE:VARIABLE` apart; a file of the whole name comes first. */
export function splitVariable(given: string): { readonly file: string; readonly variable: string | undefined } {
  const split = given.lastIndexOf(':');
  if (split < 1 || existsSync(given) || !existsSync(given.slice(0, split))) return { file: given, variable: undefined };
  return { file: given.slice(0, split), variable: given.slice(split + 1) };
}

function numberOf(field: string, given: string, nan = false): number {
  if (nan && /^nan$/i.test(given)) return Number.NaN;
  const value = Number(given);
  if (given.trim() !== '' && Number.isFinite(value)) return value;
  throw failure('FIELD_INVALID', { field, reason: `${given} is not a number` });
}

function parseCrs(given: string): number | 'pixels' {
  if (given === 'pixels') return 'pixels';
  const code = /^(?:EPSG:)?(\d{4,6})$/i.exec(given)?.[1];
  if (code !== undefined) return Number(code);
  throw failure('FIELD_INVALID', { field: '--labels-crs', reason: `${given} is neither EPSG:code nor pixels` });
}

function parseBands(given: string): number[] {
  return given.split(',').flatMap((range) => {
    const [, first, last = first] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(range) ?? [];
    if (first === undefined || Number(last) < Number(first)) {
      throw failure('FIELD_INVALID', {
        field: '--bad-bands',
        reason: `${range} is neither a band nor a range of bands`,
      });
    }
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index);
  });
}

/** Largest table of bands that is read. */
const maximumTableBytes = 4 * 1024 ** 2;

/**
 * Reads wavelengths of bands: numbers, one band a line, the second of a line its full width; lines without numbers are
 * passed over.
 */
async function readBandTable(file: string): Promise<BandTable> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: (cause as NodeJS.ErrnoException).code ?? 'unknown' }, cause);
  });
  if (bytes.byteLength > maximumTableBytes)
    throw failure('FIELD_INVALID', { field: '--wavelengths', reason: `${file} is no table of wavelengths` });
  const rows = bytes
    .toString('utf8')
    .split(/\r\n|\n|\r/)
    .map((line) =>
      line
        .split(/[\s,;]+/)
        .filter((cell) => cell !== '')
        .map(Number),
    )
    .filter((row) => row.length > 0 && row.every(Number.isFinite));
  const wavelengths = rows.map(([wavelength]) => wavelength!);
  if (wavelengths.length === 0)
    throw failure('FIELD_INVALID', { field: '--wavelengths', reason: `${file} holds no numbers` });
  const widths = rows.flatMap(([, width]) => width ?? []);
  const fullWidths = widths.length === wavelengths.length ? nanometresOf(widths, undefined, wavelengths) : undefined;
  return { wavelengths: nanometresOf(wavelengths, undefined), ...(fullWidths && { fullWidths }) };
}
