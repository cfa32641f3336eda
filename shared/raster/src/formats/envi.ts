/** ENVI rasters: a text header and a binary in band, line or pixel order. NV5, "ENVI Header Files". */
import { arrayWindow } from '../arrays/array-raster.js';
import type { Axes } from '../arrays/axes.js';
import { ContiguousArray } from '../arrays/contiguous-array.js';
import { bytesOf, memoryType, type StorageType } from '../array.js';
import type { RasterFormat } from '../raster-format.js';
import type { RasterClass, RasterInfo } from '../raster-info.js';
import { nanometresOf } from '../spectrum/nanometres.js';
import { readGeoreference } from './envi/georeference.js';
import { invalid, readHeader, type EnviHeader } from './envi/header.js';
import { headerOf, openPair } from './envi/pair.js';

const dataTypes: Readonly<Record<number, StorageType>> = {
  1: 'u1',
  2: 'i2',
  3: 'i4',
  4: 'f4',
  5: 'f8',
  12: 'u2',
  13: 'u4',
  14: 'i8',
  15: 'u8',
};

/** Orders of the values: the axes of the array that rows, columns and bands lie on. */
const orders: Readonly<Record<string, { readonly axes: Axes & { readonly band: number } }>> = {
  bsq: { axes: { band: 0, row: 1, column: 2 } },
  bil: { axes: { row: 0, band: 1, column: 2 } },
  bip: { axes: { row: 0, column: 1, band: 2 } },
};
/** Units of bands that are no wavelengths. */
const otherUnits = ['index', 'wavenumber', 'ghz', 'mhz'];

export const enviFormat: RasterFormat = {
  name: 'ENVI',
  sniff: (head, name, beside) => isHeader(head) || (headerOf(name, beside) !== undefined && !/\.hdr$/i.test(name)),
  open: async (source) => {
    const head = await source.read(0, Math.min(4, source.size));
    const pair = await openPair(source, isHeader(head));
    const header = await readHeader(pair.header);
    const file = pair.binary.name;
    const { type, order, info, littleEndian, offset } = describe(file, header);
    const { height, width, bands } = info;
    const shape: number[] = [];
    shape[order.axes.row] = height;
    shape[order.axes.column] = width;
    shape[order.axes.band] = bands;
    const wanted = offset + height * width * bands * bytesOf(type);
    if (wanted > pair.binary.size) {
      throw invalid(
        file,
        `its header claims ${wanted} bytes, it has ${pair.binary.size}: it is truncated, or the header is another file's`,
      );
    }
    const array = new ContiguousArray(pair.binary, offset, shape, type, { littleEndian, rowMajor: true });
    return {
      info,
      readWindow: (window, chosen) => arrayWindow(file, array, order.axes, info, window, chosen),
      close: async () => {
        await pair.header.close();
        await pair.binary.close();
      },
    };
  },
};

export function isHeader(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 4)).toString('latin1') === 'ENVI';
}

function describe(file: string, header: EnviHeader) {
  const [height, width, bands] = [header.whole('lines'), header.whole('samples'), header.whole('bands', 1)];
  if (height * width * bands === 0)
    throw invalid(file, `its header claims ${height} × ${width} pixels of ${bands} bands`);
  const type = dataTypes[header.whole('data type')];
  if (type === undefined)
    throw invalid(file, `data type ${header.text('data type')} is not read; complex numbers are none of a scene`);
  const order = orders[(header.text('interleave') ?? 'bsq').toLowerCase()];
  if (order === undefined)
    throw invalid(file, `its interleave ${header.text('interleave')} is none of bsq, bil and bip`);
  for (const key of ['major frame offsets', 'minor frame offsets']) {
    if (header.list(key).some((value) => Number(value) !== 0)) throw invalid(file, `it has ${key}, which are not read`);
  }
  if (header.whole('file compression', 0) !== 0)
    throw invalid(file, 'it is compressed (file compression), which is not read');
  if (/spectral library/i.test(header.text('file type') ?? ''))
    throw invalid(file, 'it is a library of spectra, not a scene');
  const ignored = header.text('data ignore value');
  const factor = Number(header.text('reflectance scale factor'));
  const info: RasterInfo = {
    height,
    width,
    bands,
    type: memoryType(type),
    ...wavelengthsOf(header, bands),
    goodBands: header.numbers('bbl', bands)?.map((value) => value !== 0),
    scale: Number.isFinite(factor) && factor > 0 ? 1 / factor : undefined,
    nodata: ignored === undefined || ignored === '' ? undefined : nodataOf(ignored, type),
    ...readGeoreference(header),
    classes: classesOf(header),
    variables: [{ name: '', shape: [height, width, bands], type }],
    variable: '',
  };
  const littleEndian = header.whole('byte order', 0) === 0;
  return { info, type, order, littleEndian, offset: header.whole('header offset', 0) };
}

function nodataOf(text: string, type: StorageType): number {
  return type === 'f4' ? Math.fround(Number(text)) : Number(text);
}

function wavelengthsOf(header: EnviHeader, bands: number): Pick<RasterInfo, 'wavelengths' | 'fullWidths'> {
  const unit = header.text('wavelength units');
  const wavelengths = header.numbers('wavelength', bands);
  if (wavelengths === undefined || otherUnits.includes((unit ?? '').toLowerCase())) return {};
  const widths = header.numbers('fwhm', bands);
  return {
    wavelengths: nanometresOf(wavelengths, unit),
    fullWidths: widths && nanometresOf(widths, unit, wavelengths),
  };
}

/** Returns the classes of an ENVI classification; 0 is `Unclassified`. */
export function classesOf(header: EnviHeader): RasterClass[] | undefined {
  const count = header.whole('classes', 0);
  if (count === 0 || count > 65_536 || !/classification/i.test(header.text('file type') ?? '')) return undefined;
  const names = header.list('class names');
  const colors = header.numbers('class lookup', 3 * count);
  return Array.from({ length: count }, (_, value) => {
    const [red, green, blue] = [0, 1, 2].map((channel) => (colors?.[3 * value + channel] ?? 0) & 0xff) as [
      number,
      number,
      number,
    ];
    return { value, name: names[value], color: colors && (red << 16) | (green << 8) | blue };
  });
}
