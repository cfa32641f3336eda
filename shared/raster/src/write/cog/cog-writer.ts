/**
 * Cloud Optimized GeoTIFFs of one byte a sample, or of two where classes have codes beyond 255: OGC 21-026. All
 * directories come before the data, then the overviews from the coarsest to the finest, then the raster itself, in
 * tiles that are compressed by deflate. Memory is one row of tiles for each resolution; compressed tiles wait in files
 * beside the result until the size of each is known.
 */
import { describeCrs, type CrsDescription } from '../../crs.js';
import type { AffineTransform, Crs } from '../../raster-info.js';
import type { ClassValues } from '../class-values.js';
import type { OutputFile, OutputFolder } from '../output-folder.js';
import { gdalMetadata, type GdalMetadata } from './gdal-metadata.js';
import { geoFields } from './geo-fields.js';
import { Level } from './level.js';
import { reductions } from './reduce.js';
import {
  directoryBytes,
  headerBytes,
  writeDirectory,
  writeHeader,
  type TiffField,
  type TiffKind,
} from './tiff-file.js';

export interface CogOptions extends GdalMetadata {
  readonly height: number;
  readonly width: number;
  /** Method of the overviews: the most frequent value, or the mean of pixels with data. */
  readonly overviews: keyof typeof reductions;
  /**
   * Colours of the values from 1 on, as 0xRRGGBB, of a raster of one band. A raster of 16 bits has its colours beside
   * it.
   */
  readonly palette?: readonly number[];
  /** Values that are written for the values from 1 on, and for 0. */
  readonly values?: ClassValues;
  readonly nodata?: number;
  readonly crs?: Crs | undefined;
  readonly transform?: AffineTransform | undefined;
  /** Always writes 64-bit offsets; otherwise only where the file needs them. */
  readonly isBig?: boolean;
}

/** Largest side of a tile, and of the coarsest overview. */
const largestTile = 256;
/** Bytes of one tile at most. */
const tileBytes = 4 * 1024 * 1024;
/** Larger files need 64-bit offsets. */
const largestClassic = 2 ** 32 - 1;

const layout = 'LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nKNOWN_INCOMPATIBLE_EDITION=NO\n ';
const structure = Buffer.from(
  `GDAL_STRUCTURAL_METADATA_SIZE=${String(layout.length).padStart(6, '0')} bytes\n${layout}`,
  'latin1',
);

/** Writer of one file: takes rows from top to bottom, then {@link finish}. */
export class CogWriter {
  private constructor(
    private readonly options: CogOptions,
    private readonly file: OutputFile,
    /** From the finest to the coarsest. */
    private readonly levels: readonly Level[],
    private readonly crs: CrsDescription | undefined,
  ) {}

  /** Begins a file of a folder. @throws FILE_UNWRITABLE */
  static async create(folder: OutputFolder, name: string, options: CogOptions): Promise<CogWriter> {
    const { height, width, descriptions, overviews } = options;
    const bands = descriptions.length;
    let tileSide = largestTile;
    while (tileSide > 16 && tileSide ** 2 * bands > tileBytes) tileSide /= 2;
    const sizes = [{ height, width }];
    for (let last = sizes[0]!; Math.max(last.height, last.width) > largestTile;) {
      last = { height: Math.ceil(last.height / 2), width: Math.ceil(last.width / 2) };
      sizes.push(last);
    }
    const file = await folder.create(name);
    const written = options.values && writtenValues(options.values);
    let coarser: Level | undefined;
    const levels: Level[] = [];
    for (const [index, size] of [...sizes.entries()].reverse()) {
      const scratch = await folder.scratch(`${name}.${index}`);
      coarser = new Level({ ...size, bands, tileSide }, scratch, coarser, reductions[overviews], written);
      levels.unshift(coarser);
    }
    return new CogWriter(options, file, levels, options.crs && (await describeCrs(options.crs)));
  }

  /** @param rows some full rows, `[rows, width, bands]` @throws FILE_UNWRITABLE */
  async append(rows: Uint8Array): Promise<void> {
    const rowBytes = this.options.width * this.options.descriptions.length;
    for (let start = 0; start < rows.length; start += rowBytes) {
      await this.levels[0]!.append(rows.subarray(start, start + rowBytes));
    }
  }

  /** Assembles the file. @throws FILE_UNWRITABLE */
  async finish(): Promise<void> {
    const bytes = this.levels.flatMap(({ byteCounts }) => byteCounts).reduce((sum, count) => sum + count, 0);
    const classic = this.frame({ isBig: false });
    const isBig = this.options.isBig === true || classic.dataStart + bytes > largestClassic;
    const { head } = isBig ? this.frame({ isBig }) : classic;
    await this.file.append(head);
    for (const { scratch } of [...this.levels].reverse()) {
      for await (const piece of scratch.pieces()) await this.file.append(piece);
    }
  }

  /** Returns all that comes before the data, and where the data begins. */
  private frame(kind: TiffKind): { readonly head: Buffer; readonly dataStart: number } {
    const fieldsOf = (level: Level, offset: number): TiffField[] => this.fields(level, offset);
    const starts: number[] = [];
    let position = headerBytes(kind) + structure.length + (structure.length % 2);
    for (const level of this.levels) {
      starts.push(position);
      position += directoryBytes(kind, fieldsOf(level, 0));
    }
    const dataStart = position;
    const dataStarts = new Map<Level, number>();
    for (const level of [...this.levels].reverse()) {
      dataStarts.set(level, position);
      position += level.byteCounts.reduce((sum, count) => sum + count, 0);
    }
    // Offsets that do not fit are the reason to write the other kind.
    if (!kind.isBig && position > largestClassic) return { head: Buffer.alloc(0), dataStart };
    const directories = this.levels.map((level, index) =>
      writeDirectory(kind, fieldsOf(level, dataStarts.get(level)!), {
        position: starts[index]!,
        next: starts[index + 1] ?? 0,
      }),
    );
    const padding = Buffer.alloc(structure.length % 2);
    return { head: Buffer.concat([writeHeader(kind, starts[0]!), structure, padding, ...directories]), dataStart };
  }

  private fields(level: Level, dataStart: number): TiffField[] {
    const { values, transform } = this.options;
    const nodata = values?.nodata ?? this.options.nodata;
    const bits = values?.type === 'uint16' ? 16 : 8;
    const palette = bits === 8 ? this.options.palette : undefined;
    const { height, width, bands, tileSide } = level.size;
    const isMain = level === this.levels[0];
    let next = dataStart;
    const offsets = level.byteCounts.map((count) => {
      next += count;
      return next - count;
    });
    const short = (tag: number, ...values: number[]): TiffField => ({ tag, type: 'short', values });
    const long = (tag: number, ...values: number[]): TiffField => ({ tag, type: 'long', values });
    return [
      long(254, isMain ? 0 : 1), // reduced resolution
      long(256, width),
      long(257, height),
      short(258, ...Array.from({ length: bands }, () => bits)), // bits a sample
      short(259, 8), // deflate
      short(262, palette === undefined ? 1 : 3), // black is zero, or palette
      short(277, bands),
      short(284, 1), // samples of a pixel together
      short(322, tileSide),
      short(323, tileSide),
      { tag: 324, type: 'offset', values: offsets },
      long(325, ...level.byteCounts),
      ...(bands > 1 ? [short(338, ...Array.from({ length: bands - 1 }, () => 0))] : []), // samples beyond the first
      short(339, ...Array.from({ length: bands }, () => 1)), // unsigned
      ...(palette === undefined ? [] : [short(320, ...colorMap(palette, values))]),
      ...(nodata === undefined ? [] : [{ tag: 42113, type: 'ascii', value: String(nodata) } as const]),
      ...(isMain ? geoFields(transform, this.crs) : []),
      ...(isMain ? [{ tag: 42112, type: 'ascii', value: gdalMetadata(this.options) } as const] : []),
    ];
  }
}

/** Returns a colour map: all reds, then all greens, then all blues, in 16 bits. */
function colorMap(palette: readonly number[], written: ClassValues | undefined): number[] {
  const colors = new Array<number>(256).fill(0);
  for (const [index, color] of palette.entries()) colors[written?.values[index] ?? index + 1] = color;
  return [16, 8, 0].flatMap((shift) => colors.map((color) => ((color >> shift) & 0xff) * 257));
}

/** Returns the value that is written for each value of a byte. */
function writtenValues({ values, nodata, type }: ClassValues): Uint8Array | Uint16Array {
  const written = new (type === 'uint16' ? Uint16Array : Uint8Array)(256).fill(nodata);
  written.set(values, 1);
  return written;
}
