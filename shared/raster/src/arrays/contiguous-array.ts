import { bytesOf, decodeInTurns, elementCount, type StorageType } from '../array.js';
import type { RandomAccess } from '../source/random-access.js';
import { rowMajorStrides, type ArrayReader, type Box } from './array-reader.js';

/** Bytes that one read may take, also where only some of them are wanted. */
const spanBytes = 4 * 1024 ** 2;

/** Array that lies in one piece. */
export class ContiguousArray implements ArrayReader {
  readonly columnMajor: boolean;
  /** Shape from the slowest axis to the fastest. */
  private readonly stored: readonly number[];
  private readonly strides: readonly number[];

  /** @param offset of the first value; `source` has all of them */
  constructor(
    private readonly source: RandomAccess,
    private readonly offset: number,
    readonly shape: readonly number[],
    readonly type: StorageType,
    private readonly layout: { readonly littleEndian: boolean; readonly rowMajor: boolean },
  ) {
    this.columnMajor = !layout.rowMajor;
    this.stored = layout.rowMajor ? shape : [...shape].reverse();
    this.strides = rowMajorStrides(this.stored);
  }

  async read(start: readonly number[], count: readonly number[]): Promise<Box> {
    const inOrder = (axes: readonly number[]): number[] => (this.layout.rowMajor ? [...axes] : [...axes].reverse());
    const [from, size] = [inOrder(start), inOrder(count)];
    const bytes = new Uint8Array(elementCount(size) * bytesOf(this.type));
    const first = from.reduce((sum, index, axis) => sum + index * this.strides[axis]!, 0);
    await this.gather(bytes, 0, first, size, 0);
    const values = await decodeInTurns(this.source.name, bytes, this.type, this.layout.littleEndian);
    return { values, strides: inOrder(rowMajorStrides(size)) };
  }

  /** Copies the part of a box from `axis` on; reads it in one piece where that is short, else piece by piece. */
  private async gather(
    target: Uint8Array,
    place: number,
    first: number,
    count: readonly number[],
    axis: number,
  ): Promise<void> {
    const width = bytesOf(this.type);
    const last = count.reduce((sum, size, i) => (i < axis ? sum : sum + (size - 1) * this.strides[i]!), 0);
    const wanted = count.reduce((product, size, i) => (i < axis ? product : product * size), width);
    const span = (last + 1) * width;
    if (wanted === 0) return;
    if (span === wanted || axis === count.length || span <= spanBytes) {
      const bytes = await this.source.read(this.offset + first * width, span);
      if (span === wanted) target.set(bytes, place);
      else this.pick(bytes, 0, target, place, count, axis);
      return;
    }
    const step = wanted / count[axis]!;
    for (let i = 0; i < count[axis]!; i++) {
      await this.gather(target, place + i * step, first + i * this.strides[axis]!, count, axis + 1);
    }
  }

  private pick(
    bytes: Uint8Array,
    from: number,
    target: Uint8Array,
    place: number,
    count: readonly number[],
    axis: number,
  ): void {
    const width = bytesOf(this.type);
    if (axis === count.length - 1) {
      target.set(bytes.subarray(from, from + count[axis]! * width), place);
      return;
    }
    const step = count.reduce((product, size, i) => (i <= axis ? product : product * size), width);
    for (let i = 0; i < count[axis]!; i++) {
      this.pick(bytes, from + i * this.strides[axis]! * width, target, place + i * step, count, axis + 1);
    }
  }
}
