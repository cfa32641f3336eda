import { failure } from '@hyperswap/errors';
import { PixelType, type PrepareSceneHeader, type PrepareSceneRequest, type RasterInfo } from '@hyperswap/proto';
import type { LabelMap, NumericArray, RawScene } from '@hyperswap/raster';

/** Scene as a client sent it. */
export interface ReceivedScene {
  readonly raw: RawScene;
  readonly labelMaps: readonly LabelMap[];
}

type PartAfterHeader = Exclude<PrepareSceneRequest['part'], { readonly $case: 'header' } | undefined>;
type ArrayConstructor = new (buffer: ArrayBuffer) => NumericArray;

const arrayTypes = new Map<PixelType, { readonly type: ArrayConstructor; readonly bytes: number }>([
  [PixelType.PIXEL_TYPE_UINT8, { type: Uint8Array, bytes: 1 }],
  [PixelType.PIXEL_TYPE_UINT16, { type: Uint16Array, bytes: 2 }],
  [PixelType.PIXEL_TYPE_INT16, { type: Int16Array, bytes: 2 }],
  [PixelType.PIXEL_TYPE_UINT32, { type: Uint32Array, bytes: 4 }],
  [PixelType.PIXEL_TYPE_INT32, { type: Int32Array, bytes: 4 }],
  [PixelType.PIXEL_TYPE_FLOAT32, { type: Float32Array, bytes: 4 }],
  [PixelType.PIXEL_TYPE_FLOAT64, { type: Float64Array, bytes: 8 }],
]);

/**
 * Collects the rows of a scene and its label maps.
 *
 * @param limit bytes that pixels and labels may have together
 * @throws FIELD_INVALID when the raster is missing or too large, or rows are out of order, missing or of another size
 */
export async function receiveRows(
  header: PrepareSceneHeader,
  parts: AsyncIterable<PartAfterHeader>,
  limit: number,
): Promise<ReceivedScene> {
  const raster = checkRaster(header.raster);
  const { height, width, bands, stored } = raster;
  const rowBytes = width * bands * stored.bytes;
  const bytes = height * (rowBytes + width * header.labelMaps.length);
  if (bytes > limit) {
    const reason = `it has ${bytes} bytes, more than the ${limit} allowed (HYPERSWAP_MAXIMUM_SCENE_BYTES)`;
    throw failure('FIELD_INVALID', { field: 'header.raster', reason });
  }
  const pixels = new RowCollector('pixels', height, rowBytes);
  const labels = new Map(header.labelMaps.map((name) => [name, new RowCollector(`labels ${name}`, height, width)]));
  for await (const part of parts) {
    if (part.$case === 'pixels') pixels.add(part.value.row, part.value.values);
    else {
      const map = labels.get(part.value.labelMap);
      if (map === undefined) {
        throw failure('FIELD_INVALID', {
          field: 'labels.label_map',
          reason: `the header names no ${part.value.labelMap}`,
        });
      }
      map.add(part.value.row, part.value.labels);
    }
  }
  const raw = { height, width, bands, values: new stored.type(pixels.finish().buffer) };
  return { raw, labelMaps: [...labels].map(([name, rows]) => ({ name, labels: rows.finish() })) };
}

function checkRaster(raster: RasterInfo | undefined) {
  const invalid = (reason: string): Error => failure('FIELD_INVALID', { field: 'header.raster', reason });
  if (raster === undefined) throw invalid('it is missing');
  const { height, width, bands, pixelType } = raster;
  if (height === 0 || width === 0 || bands === 0) throw invalid('height, width and bands must be at least 1');
  const stored = arrayTypes.get(pixelType);
  if (stored === undefined)
    throw failure('FIELD_INVALID', { field: 'header.raster.pixel_type', reason: 'it is missing or unknown' });
  return { height, width, bands, stored };
}

/** Rows that come in order. */
class RowCollector {
  private next = 0;
  private readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(
    private readonly field: string,
    private readonly height: number,
    private readonly rowBytes: number,
  ) {
    this.bytes = new Uint8Array(height * rowBytes);
  }

  add(row: number, values: Uint8Array): void {
    const invalid = (reason: string): Error => failure('FIELD_INVALID', { field: this.field, reason });
    const rows = values.byteLength / this.rowBytes;
    if (row !== this.next) throw invalid(`row ${row} came, row ${this.next} is next`);
    if (!Number.isInteger(rows) || rows === 0) {
      throw invalid(`${values.byteLength} bytes are no whole number of rows of ${this.rowBytes} bytes`);
    }
    if (row + rows > this.height) throw invalid(`row ${row + rows - 1} is outside the raster of ${this.height} rows`);
    this.bytes.set(values, row * this.rowBytes);
    this.next += rows;
  }

  finish(): Uint8Array<ArrayBuffer> {
    if (this.next === this.height) return this.bytes;
    const reason = `the stream ended after ${this.next} of ${this.height} rows`;
    throw failure('FIELD_INVALID', { field: this.field, reason });
  }
}
