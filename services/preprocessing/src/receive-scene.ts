import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { failure } from '@hyperswap/errors';
import type { LookupRows, PrepareSceneHeader, PrepareSceneRequest } from '@hyperswap/proto';
import {
  blockKey,
  labelsKey,
  lookupChunkRows,
  lookupKey,
  RowCollector,
  storedRows,
  type BlockEncoder,
  type Rows,
} from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import { maximumRowBytes, type CheckedHeader } from './scene-header.js';

/** Parts of an upload after its header. */
export type RowsPart = Exclude<NonNullable<PrepareSceneRequest['part']>, { readonly $case: 'header' }>;

export interface UploadTarget {
  readonly store: ObjectStore;
  readonly encoder: BlockEncoder;
  /** Beginning of the keys of the bands. */
  readonly arrays: string;
  /** Beginning of the keys of the label maps. */
  readonly labels: string;
  /** Requires that this call may still store rows. @param rows of pixels that are stored */
  readonly require: (rows: number) => Promise<void>;
}

/** Rows to send from. */
export interface NextRows {
  readonly pixels: number;
  readonly labels: Readonly<Record<string, number>>;
  readonly lookups: number;
}

/** Receiver of the rows of one scene. Rows are stored in chunks on arrival. */
export class SceneReceiver {
  private readonly pixels: RowCollector;
  private readonly labels: ReadonlyMap<string, RowCollector>;
  /** Undefined for scenes without a lookup table. */
  private readonly lookups: RowCollector | undefined;

  constructor(
    header: PrepareSceneHeader,
    private readonly checked: CheckedHeader,
    target: UploadTarget,
    next: NextRows,
  ) {
    const { store, encoder, arrays, labels, require } = target;
    const { pixels, plane } = rowsOf(checked);
    this.pixels = new RowCollector(pixels, next.pixels, async (block, bytes) => {
      await require(block * pixels.chunkRows);
      await store.put(blockKey(arrays, block), await encoder.encode(bytes));
    });
    this.labels = new Map(
      header.labelMaps.map((map) => {
        const collector = new RowCollector(plane, next.labels[map]!, async (chunk, bytes) => {
          await require(this.pixels.next);
          await store.put(labelsKey(labels, map, chunk), await promisify(gzip)(bytes));
        });
        return [map, collector];
      }),
    );
    const table = lookupRows(header);
    this.lookups =
      table &&
      new RowCollector(table, next.lookups, async (chunk, bytes) => {
        await require(this.pixels.next);
        await store.put(lookupKey(arrays, chunk), await promisify(gzip)(bytes));
      });
  }

  /**
   * Stores the rows of a stream.
   *
   * @throws FIELD_INVALID when rows are out of order or of another size; CANCELLED, STORE_FULL
   */
  async receive(parts: AsyncIterable<RowsPart>): Promise<void> {
    for await (const part of parts) {
      if (part.$case === 'pixels') {
        const { row, values } = part.value;
        checkRows('pixels', this.pixels, row, values, this.checked.sentRowBytes);
        await this.pixels.add(this.toStored(values));
      } else if (part.$case === 'lookups') {
        await this.receiveLookups(part.value);
      } else {
        const { labelMap, row, labels } = part.value;
        const collector = this.labels.get(labelMap);
        if (collector === undefined) throw invalid('labels.label_map', `the header names no ${labelMap}`);
        checkRows(`labels ${labelMap}`, collector, row, labels, this.checked.layout.width);
        await collector.add(labels);
      }
    }
    for (const [, collector] of this.collectors()) await collector.finish();
  }

  /** @throws FIELD_INVALID when the table names pixels that the raster has not */
  private async receiveLookups({ row, pixels }: LookupRows): Promise<void> {
    if (this.lookups === undefined) throw invalid('lookups', 'the header names no lookup table');
    checkRows('lookups', this.lookups, row, pixels, this.lookups.rowBytes);
    const { height, width } = this.checked.layout;
    const values = new Int32Array(new Uint8Array(pixels).buffer);
    const wrong = values.find((pixel) => pixel < -1 || pixel >= height * width);
    if (wrong !== undefined) throw invalid('lookups', `the raster of ${height} × ${width} has no pixel ${wrong}`);
    await this.lookups.add(pixels);
  }

  private collectors(): [name: string, collector: RowCollector][] {
    const { lookups } = this;
    return [
      ['pixels', this.pixels],
      ...this.labels,
      ...(lookups === undefined ? [] : [['lookups', lookups] as [string, RowCollector]]),
    ];
  }

  /** Checks that all rows arrived. A lost connection may look like the end of its stream. @throws FIELD_INVALID */
  requireAll(): void {
    for (const [name, { isComplete, next, height }] of this.collectors()) {
      if (!isComplete) throw invalid(name, `the stream ended after ${next} of ${height} rows`);
    }
  }

  /** Returns values as the type that is stored. */
  private toStored(values: Uint8Array): Uint8Array {
    const { name } = this.checked.sent;
    if (name !== 'float64' && name !== 'uint32' && name !== 'int32') return values;
    const { buffer } = new Uint8Array(values);
    const sent = { float64: Float64Array, uint32: Uint32Array, int32: Int32Array }[name];
    return new Uint8Array(new Float32Array(new sent(buffer)).buffer);
  }
}

/** Finds the rows that are stored of an upload. */
export async function findNextRows(
  header: PrepareSceneHeader,
  checked: CheckedHeader,
  { store, arrays, labels }: Pick<UploadTarget, 'store' | 'arrays' | 'labels'>,
): Promise<NextRows> {
  const { pixels, plane } = rowsOf(checked);
  const maps = await Promise.all(
    header.labelMaps.map(async (map) => {
      const rows = await storedRows(store, plane, (chunk) => labelsKey(labels, map, chunk));
      return [map, rows] as const;
    }),
  );
  const table = lookupRows(header);
  return {
    pixels: await storedRows(store, pixels, (block) => blockKey(arrays, block)),
    labels: Object.fromEntries(maps),
    lookups: table === undefined ? 0 : await storedRows(store, table, (chunk) => lookupKey(arrays, chunk)),
  };
}

/** Returns the rows of an upload that has all of them, or none. */
export function evenRows({ labelMaps, raster, lookupTable }: PrepareSceneHeader, has: 'all' | 'none'): NextRows {
  const rows = has === 'all' ? raster!.height : 0;
  const lookups = has === 'all' ? (lookupTable?.height ?? 0) : 0;
  return { pixels: rows, labels: Object.fromEntries(labelMaps.map((map) => [map, rows])), lookups };
}

/** Returns the rows of the lookup table; undefined where there is none. */
function lookupRows({ lookupTable }: PrepareSceneHeader): Rows | undefined {
  if (lookupTable === undefined) return undefined;
  const { height, width } = lookupTable;
  return { height, rowBytes: 4 * width, chunkRows: lookupChunkRows(lookupTable) };
}

function rowsOf({ layout }: CheckedHeader) {
  const { height, width, bands, type, blockRows, planeRows } = layout;
  const valueBytes = { uint8: 1, uint16: 2, int16: 2, float32: 4 }[type];
  return {
    pixels: { height, rowBytes: width * bands * valueBytes, chunkRows: blockRows },
    plane: { height, rowBytes: width, chunkRows: planeRows },
  };
}

/** @throws FIELD_INVALID */
function checkRows(
  field: string,
  { next, height }: Pick<RowCollector, 'next' | 'height'>,
  row: number,
  values: Uint8Array,
  rowBytes: number,
): void {
  const rows = values.byteLength / rowBytes;
  if (row !== next) throw invalid(field, `row ${row} came, row ${next} is next`);
  if (!Number.isInteger(rows) || rows === 0) {
    throw invalid(field, `${values.byteLength} bytes are no whole number of rows of ${rowBytes} bytes`);
  }
  if (values.byteLength > maximumRowBytes) {
    throw invalid(field, `${values.byteLength} bytes are more than the ${maximumRowBytes} of a message`);
  }
  if (row + rows > height) throw invalid(field, `row ${row + rows - 1} is outside the raster of ${height} rows`);
}

function invalid(field: string, reason: string): Error {
  return failure('FIELD_INVALID', { field, reason });
}
