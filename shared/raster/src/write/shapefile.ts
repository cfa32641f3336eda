/**
 * Polygons of a map as a Shapefile ("ESRI Shapefile Technical Description", July 1998), in the map's reference system.
 * Headers tell the lengths of their files, so the polygons are passed over twice rather than kept.
 */
import { failure } from '@hyperswap/errors';
import { emptyBox, extendBox, hexColor, type Box, type MapPolygon, type PolygonLayer } from './map-polygons.js';
import type { OutputFile } from './output-folder.js';

const polygonType = 5;
const headerBytes = 100;
/** Programs take offsets as signed numbers of bytes. */
const largestFile = 2 ** 31 - 1;
/** Bytes that are written at once. */
const batchBytes = 1 << 20;

/** Columns of the table; names have at most 10 characters. */
const columns = [
  { name: 'class', type: 'N', length: 10, decimals: 0, text: ({ value }: MapPolygon) => String(value) },
  { name: 'name', type: 'C', length: 254, decimals: 0, text: ({ name }: MapPolygon) => name },
  { name: 'color', type: 'C', length: 7, decimals: 0, text: ({ color }: MapPolygon) => hexColor(color) },
  { name: 'pixels', type: 'N', length: 10, decimals: 0, text: ({ pixels }: MapPolygon) => String(pixels) },
  {
    ...{ name: 'hectares', type: 'N', length: 19, decimals: 4 },
    text: ({ hectares }: MapPolygon) => hectares?.toFixed(4) ?? '',
  },
] as const;

/** Files of a Shapefile that are being written. */
export interface ShapefileParts {
  readonly shp: OutputFile;
  readonly shx: OutputFile;
  readonly dbf: OutputFile;
}

/** Writes shapes, their index and their table; the caller adds `.prj` and `.cpg`. @throws FILE_UNWRITABLE */
export async function writeShapefile(
  { shp, shx, dbf }: ShapefileParts,
  { polygons, hasHectares }: PolygonLayer,
): Promise<void> {
  const used = columns.filter(({ name }) => hasHectares || name !== 'hectares');
  const rowBytes = 1 + used.reduce((sum, { length }) => sum + length, 0);
  const box = emptyBox();
  let [count, bytes] = [0, headerBytes];
  for (const polygon of polygons()) {
    extendBox(box, polygon.rings[0]!);
    count += 1;
    bytes += 8 + contentBytes(polygon);
  }
  if (bytes > largestFile) {
    const reason = 'the polygons do not fit a Shapefile: take --polygon-format gpkg';
    throw failure('FILE_UNWRITABLE', { file: 'polygons.shp', reason });
  }
  const bounds: Box = count === 0 ? [0, 0, 0, 0] : box;
  await shp.append(fileHeader(bytes, bounds));
  await shx.append(fileHeader(headerBytes + 8 * count, bounds));
  await dbf.append(tableHeader(used, count, rowBytes));
  const writers = [shp, shx, dbf].map((file) => new Batches(file)) as [Batches, Batches, Batches];
  let [number, place] = [0, headerBytes];
  for (const polygon of polygons()) {
    number += 1;
    const length = contentBytes(polygon);
    await writers[0].add(recordOf(polygon, number, length));
    await writers[1].add(bigEndian(place / 2, length / 2));
    await writers[2].add(rowOf(used, polygon, rowBytes));
    place += 8 + length;
  }
  await writers[2].add(Uint8Array.of(0x1a)); // end of the table
  for (const writer of writers) await writer.flush();
}

/** Joins small pieces of a file, so that few are written. */
class Batches {
  private pieces: Uint8Array[] = [];
  private bytes = 0;

  constructor(private readonly file: OutputFile) {}

  async add(piece: Uint8Array): Promise<void> {
    this.pieces.push(piece);
    this.bytes += piece.length;
    if (this.bytes >= batchBytes) await this.flush();
  }

  async flush(): Promise<void> {
    await this.file.append(Buffer.concat(this.pieces));
    [this.pieces, this.bytes] = [[], 0];
  }
}

function bigEndian(...numbers: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * numbers.length));
  numbers.forEach((value, index) => view.setInt32(4 * index, value));
  return new Uint8Array(view.buffer);
}

function fileHeader(bytes: number, box: Box): Uint8Array {
  const view = new DataView(new ArrayBuffer(headerBytes));
  view.setInt32(0, 9994);
  view.setInt32(24, bytes / 2);
  view.setInt32(28, 1000, true);
  view.setInt32(32, polygonType, true);
  box.forEach((value, index) => view.setFloat64(36 + 8 * index, value, true));
  return new Uint8Array(view.buffer);
}

function contentBytes({ rings }: MapPolygon): number {
  return 44 + rings.reduce((sum, ring) => sum + 4 + 8 * ring.length, 0);
}

function recordOf({ rings }: MapPolygon, number: number, length: number): Uint8Array {
  const bytes = new Uint8Array(8 + length);
  const view = new DataView(bytes.buffer);
  bytes.set(bigEndian(number, length / 2));
  view.setInt32(8, polygonType, true);
  const box = emptyBox();
  extendBox(box, rings[0]!);
  box.forEach((value, index) => view.setFloat64(12 + 8 * index, value, true));
  view.setInt32(44, rings.length, true);
  let [points, place] = [0, 52 + 4 * rings.length];
  rings.forEach((ring, index) => {
    view.setInt32(52 + 4 * index, points, true);
    points += ring.length / 2;
    // Here outer borders are clockwise, and holes are not.
    for (let i = ring.length - 2; i >= 0; i -= 2) {
      view.setFloat64(place, ring[i]!, true);
      view.setFloat64(place + 8, ring[i + 1]!, true);
      place += 16;
    }
  });
  view.setInt32(48, points, true);
  return bytes;
}

type Column = (typeof columns)[number];

function tableHeader(used: readonly Column[], count: number, rowBytes: number): Uint8Array {
  const bytes = new Uint8Array(33 + 32 * used.length);
  const view = new DataView(bytes.buffer);
  const today = new Date();
  bytes.set([3, today.getUTCFullYear() - 1900, today.getUTCMonth() + 1, today.getUTCDate()]);
  view.setUint32(4, count, true);
  view.setUint16(8, bytes.length, true);
  view.setUint16(10, rowBytes, true);
  used.forEach(({ name, type, length, decimals }, index) => {
    const field = 32 + 32 * index;
    bytes.set(Buffer.from(name, 'latin1'), field);
    bytes[field + 11] = type.charCodeAt(0);
    bytes[field + 16] = length;
    bytes[field + 17] = decimals;
  });
  bytes[bytes.length - 1] = 0x0d;
  return bytes;
}

function rowOf(used: readonly Column[], polygon: MapPolygon, rowBytes: number): Uint8Array {
  const row = Buffer.alloc(rowBytes, ' ');
  let place = 1;
  for (const { type, length, text } of used) {
    const value = text(polygon);
    // Characters that do not fit are left out whole.
    if (type === 'C') row.write(value, place, length, 'utf8');
    else row.write(value.padStart(length), place, length, 'latin1');
    place += length;
  }
  return row;
}
