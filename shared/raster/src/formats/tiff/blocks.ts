/** Tiles and strips of a TIFF, decoded one by one. */
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import { ZSTDDecoder } from 'zstddec';
import { bytesOf, decodeStored, emptyArray, memoryType, type NumericArray } from '../../array.js';
import { ContiguousArray } from '../../arrays/contiguous-array.js';
import type { RandomAccess } from '../../source/random-access.js';
import { ScratchFile } from '../../source/scratch-file.js';
import { invalid } from './directory.js';
import type { TiffImage } from './image.js';
import { unpackLzw, unpackPackBits } from './lzw.js';
import { undoPredictor } from './predictor.js';
import { unpackBits } from './unpack-bits.js';

const inflateAsync = promisify(inflate);

/** Decoded blocks that are kept. */
const cachedBytes = 128 * 1024 ** 2;
/** A decoded block has at most so many bytes; of the compressions that block this thread fewer. */
const maximumBlockBytes = 256 * 1024 ** 2;
const maximumBlockingBytes = 64 * 1024 ** 2;

const none = 1;
const lzw = 5;
const packBits = 32773;
const zstandard = 50000;
const deflate = [8, 32946];

/** Loaded on use. */
let zstd: Promise<ZSTDDecoder> | undefined;

async function loadZstd(): Promise<ZSTDDecoder> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return decoder;
}

/** Values of a block: `[height, width, samples]`, one sample where blocks hold one band each. */
export interface Block {
  readonly values: NumericArray;
  readonly width: number;
  readonly samples: number;
  /** Row of the block that `values` begins with, and how many rows it has. */
  readonly firstRow: number;
  readonly rows: number;
}

/**
 * Blocks of one image. Decoded blocks are kept, so that rows read one after the other decode each block once: in
 * memory, or in a temporary file where those beside each other are too large for it.
 */
export class TiffBlocks {
  private readonly cache = new Map<number, Block>();
  private cached = 0;
  /** Blocks beside each other, of all bands. */
  private readonly besides: number;
  /** Bytes of a decoded block. */
  private readonly blockBytes: number;
  private scratch: ScratchFile | undefined;
  /** Block in each place of the temporary file. */
  private readonly scratched = new Map<number, number>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly source: RandomAccess,
    private readonly image: TiffImage,
    private readonly fill: number,
  ) {
    const { compression, blockHeight, blockWidth, samples, planar, bits, type, width } = image;
    const valueBytes = bytesOf(memoryType(type));
    this.besides = Math.ceil(width / blockWidth) * (planar ? samples : 1);
    this.blockBytes = blockHeight * blockWidth * (planar ? 1 : samples) * valueBytes;
    const bytes = blockHeight * blockWidth * (planar ? 1 : samples) * Math.max(1, bits / 8);
    const isBlocking = compression === lzw || compression === packBits || compression === zstandard;
    if (compression !== none && !isBlocking && !deflate.includes(compression)) {
      throw invalid(source.name, `its compression, number ${compression}, is not read; rewrite it with deflate or LZW`);
    }
    const limit = isBlocking ? maximumBlockingBytes : maximumBlockBytes;
    if (compression !== none && bytes > limit) {
      throw invalid(source.name, `its compressed blocks have ${bytes} bytes, more than ${limit}; rewrite it in tiles`);
    }
  }

  /**
   * Returns a block, or at least some of its rows.
   *
   * @param index number of the block
   * @param firstRow row of the block that is needed first
   * @param rows how many rows are needed
   */
  async read(index: number, firstRow: number, rows: number): Promise<Block> {
    const { image } = this;
    const samples = image.planar ? 1 : image.samples;
    const width = image.blockWidth;
    if (this.image.offsets[index] === 0 && this.image.byteCounts[index] === 0) {
      const values = emptyArray(memoryType(image.type), rows * width * samples).fill(this.fill);
      return { values, width, samples, firstRow, rows };
    }
    if (image.compression === none && image.bits % 8 === 0 && image.predictor === none) {
      return { values: await this.readPlain(index, firstRow, rows), width, samples, firstRow, rows };
    }
    if (this.besides * this.blockBytes > cachedBytes) {
      // One at a time, so that no block is replaced while its rows are read.
      const reading = this.turn.then(() => this.readScratched(index, firstRow, rows));
      this.turn = reading.catch(() => undefined);
      return { values: await reading, width, samples, firstRow, rows };
    }
    const kept = this.cache.get(index);
    if (kept !== undefined) {
      this.cache.delete(index);
      this.cache.set(index, kept);
      return kept;
    }
    const block = { values: await this.decode(index), width, samples, firstRow: 0, rows: image.blockHeight };
    this.keep(index, block);
    return block;
  }

  /** Ends the temporary file. */
  async close(): Promise<void> {
    await this.turn;
    await this.scratch?.close();
    this.scratch = undefined;
  }

  /** Reads rows of a block by way of the temporary file, which has one row of blocks. */
  private async readScratched(index: number, firstRow: number, rows: number): Promise<NumericArray> {
    const { image, blockBytes } = this;
    const perPlane = Math.ceil(image.width / image.blockWidth);
    const planeBlocks = perPlane * Math.ceil(image.height / image.blockHeight);
    const place = Math.floor(index / planeBlocks) * perPlane + (index % perPlane);
    this.scratch ??= await ScratchFile.open();
    if (this.scratched.get(place) !== index) {
      this.scratched.delete(place);
      const { buffer, byteOffset, byteLength } = await this.decode(index);
      await this.scratch.write(new Uint8Array(buffer, byteOffset, byteLength), place * blockBytes);
      this.scratched.set(place, index);
    }
    const rowBytes = blockBytes / image.blockHeight;
    const bytes = await this.scratch.read(place * blockBytes + firstRow * rowBytes, rows * rowBytes);
    return decodeStored(this.source.name, bytes, memoryType(image.type), true);
  }

  /** Reads rows that are not compressed, without the rest of their block. */
  private async readPlain(index: number, firstRow: number, rows: number): Promise<NumericArray> {
    const { image, source } = this;
    const samples = image.planar ? 1 : image.samples;
    const available = Math.floor(image.byteCounts[index]! / (image.blockWidth * samples * bytesOf(image.type)));
    if (firstRow + rows > available)
      throw invalid(source.name, `its block ${index} has ${available} rows of ${firstRow + rows}`);
    const layout = { littleEndian: image.directory.littleEndian, rowMajor: true };
    const shape = [available, image.blockWidth, samples];
    const array = new ContiguousArray(source, image.offsets[index]!, shape, image.type, layout);
    return (await array.read([firstRow, 0, 0], [rows, image.blockWidth, samples])).values;
  }

  private async decode(index: number): Promise<NumericArray> {
    const { image, source } = this;
    const { blockHeight, blockWidth, bits, type } = image;
    const samples = image.planar ? 1 : image.samples;
    const rowBytes = Math.ceil((blockWidth * samples * bits) / 8);
    // The last strip is as high as the rows that are left.
    const columns = Math.ceil(image.width / blockWidth);
    const row = Math.floor((index % (columns * Math.ceil(image.height / blockHeight))) / columns) * blockHeight;
    const height = Math.min(blockHeight, image.height - row);
    const bytes = new Uint8Array(blockHeight * rowBytes);
    const unpacked = await this.decompress(
      await source.read(image.offsets[index]!, image.byteCounts[index]!),
      bytes.byteLength,
    );
    if (unpacked.byteLength < height * rowBytes) {
      throw invalid(source.name, `its block ${index} has ${unpacked.byteLength} of ${height * rowBytes} bytes`);
    }
    bytes.set(unpacked.subarray(0, bytes.byteLength));
    await setImmediate();
    if (bits % 8 !== 0) return unpackBits(bytes, { height: blockHeight, rowValues: blockWidth * samples, bits, type });
    const layout = {
      rowValues: blockWidth * samples,
      stride: samples,
      bytes: bytesOf(type),
      littleEndian: image.directory.littleEndian,
    };
    const isNative = await undoPredictor(bytes, image.predictor, layout);
    return decodeStored(source.name, bytes, type, isNative || image.directory.littleEndian);
  }

  private async decompress(packed: Uint8Array<ArrayBuffer>, limit: number): Promise<Uint8Array> {
    const { image, source } = this;
    if (image.compression === none) return packed;
    try {
      if (deflate.includes(image.compression)) return await inflateAsync(packed, { maxOutputLength: limit });
      if (image.compression === lzw) return unpackLzw(packed, limit);
      if (image.compression === packBits) return unpackPackBits(packed, limit);
      zstd ??= loadZstd();
      return (await zstd).decode(packed, limit);
    } catch (cause) {
      throw invalid(source.name, `a block cannot be decompressed: ${(cause as Error).message}`, cause);
    }
  }

  private keep(index: number, block: Block): void {
    this.cache.set(index, block);
    this.cached += block.values.byteLength;
    for (const [oldest, { values }] of this.cache) {
      if (this.cached <= cachedBytes || oldest === index) break;
      this.cache.delete(oldest);
      this.cached -= values.byteLength;
    }
  }
}
