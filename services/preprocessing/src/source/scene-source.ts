import { MessageChannel } from 'node:worker_threads';
import { failure, HyperswapError, serializeError } from '@hyperswap/errors';
import { PixelType, type PixelRows, type RasterInfo } from '@hyperswap/proto';
import type { RasterInfo as FileInfo } from '@hyperswap/raster';
import { WorkerThread } from '@hyperswap/scene';
import type { Ranges } from './ranges.js';
import type { RangeAnswer, RangeWanted, SourceOperations } from './source-thread.js';

/** Time that the head of a file may take. */
const headMilliseconds = 60_000;
const retryAfterMilliseconds = 5_000;
/** Bytes of the rows that are taken at once, at most one row more; the reader itself reads more of them at once. */
const rowsBytes = 1024 * 1024;
/** Heap limit of the thread; enough for the directories of a file that claims many images. */
const heapMegabytes = 512;

const pixelTypes: Readonly<Record<FileInfo['type'], PixelType>> = {
  u1: PixelType.PIXEL_TYPE_UINT8,
  u2: PixelType.PIXEL_TYPE_UINT16,
  u4: PixelType.PIXEL_TYPE_UINT32,
  // Scenes have no signed bytes.
  i1: PixelType.PIXEL_TYPE_INT16,
  i2: PixelType.PIXEL_TYPE_INT16,
  i4: PixelType.PIXEL_TYPE_INT32,
  f4: PixelType.PIXEL_TYPE_FLOAT32,
  f8: PixelType.PIXEL_TYPE_FLOAT64,
};

/** GeoTIFF that this service reads itself. A thread decodes it, one range of its bytes is read at a time. */
export class SceneSource {
  private constructor(
    private readonly thread: WorkerThread<SourceOperations>,
    private readonly signal: AbortSignal,
    private readonly info: FileInfo,
    private readonly ranges: Ranges,
    /** Terminates the thread. */
    readonly close: () => Promise<void>,
  ) {}

  /**
   * Opens a GeoTIFF and reads its head.
   *
   * @param signal ends the thread, whatever it does
   * @throws FILE_FORMAT for any other format, SCENE_SOURCE_UNREADABLE, SCENE_SOURCE_UNREACHABLE, CANCELLED
   */
  static async open(ranges: Ranges, signal: AbortSignal): Promise<SceneSource> {
    const { name, size } = ranges;
    const thread = new WorkerThread<SourceOperations>(new URL('./source-thread.js', import.meta.url), undefined, {
      maxOldGenerationSizeMb: heapMegabytes,
    });
    const { port1, port2 } = new MessageChannel();
    port1.on('message', ({ offset, length }: RangeWanted) => {
      const answer = ranges.read(offset, length).then(
        (bytes): RangeAnswer => ({ bytes }),
        (error: unknown): RangeAnswer => ({ error: serializeError(error) }),
      );
      void answer.then((found) => port1.postMessage(found));
    });
    const close = async (): Promise<void> => {
      signal.removeEventListener('abort', abort);
      port1.close();
      await thread.stop();
    };
    const abort = (): void => void close();
    signal.addEventListener('abort', abort);
    const late = AbortSignal.timeout(headMilliseconds);
    late.addEventListener('abort', abort);
    try {
      const info = await thread.call('open', { port: port2, name, size }, [port2]);
      return new SceneSource(thread, signal, info, ranges, close);
    } catch (error) {
      await close();
      if (signal.aborted) throw cancelled();
      if (!late.aborted) throw named(name, error);
      const reason = `its head could not be read within ${headMilliseconds} ms`;
      throw failure('SCENE_SOURCE_UNREACHABLE', { source: name, reason, retryAfterMilliseconds }, error);
    } finally {
      late.removeEventListener('abort', abort);
    }
  }

  /** Version of the file, as far as its place tells it. */
  get version(): string {
    return this.ranges.version;
  }

  /** Description of the raster by its file. */
  get raster(): RasterInfo {
    const { height, width, bands, type, crs, transform, ...info } = this.info;
    return {
      height,
      width,
      bands,
      pixelType: pixelTypes[type],
      wavelengths: [...(info.wavelengths ?? [])],
      fullWidths: [...(info.fullWidths ?? [])],
      goodBands: [...(info.goodBands ?? [])],
      nodata: info.nodata,
      zeroIsNodata: info.zeroIsNodata ?? false,
      scale: info.scale,
      offset: info.offset,
      georeference: transform && { crsWkt: crs?.wkt ?? '', epsg: crs?.epsg ?? 0, transform: [...transform] },
    };
  }

  /**
   * Reads the rows from `first` on, some at once.
   *
   * @throws FILE_FORMAT, SCENE_SOURCE_UNREADABLE, SCENE_SOURCE_UNREACHABLE, CANCELLED
   */
  async *rows(first: number): AsyncGenerator<PixelRows> {
    const { height, width, bands, type } = this.info;
    const valueBytes = type === 'i1' ? 2 : Number(type[1]);
    const step = Math.max(1, Math.floor(rowsBytes / (width * bands * valueBytes)));
    for (let row = first; row < height; row += step) {
      const count = Math.min(step, height - row);
      const read = await this.thread.call('rows', { row, count }).catch((error: unknown) => {
        if (error instanceof HyperswapError) throw error;
        throw this.signal.aborted ? cancelled() : named(this.ranges.name, error);
      });
      // The last rows are yielded only after a check that all rows come from one version of the file.
      if (row + count === height) await this.ranges.requireSame();
      yield { row, values: Buffer.from(read.buffer, read.byteOffset, read.byteLength) };
    }
  }
}

/** Returns the error of a thread, with the name of its file where the thread ended for want of memory. */
function named(source: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  const reason = `its directories need more than ${heapMegabytes} MB of memory`;
  return failure('SCENE_SOURCE_UNREADABLE', { source, reason }, error);
}

function cancelled(): Error {
  return failure('CANCELLED', { what: 'Reading the scene' });
}
