import type { ObjectStore } from '@hyperswap/storage';

/** Rows of an array that is stored in chunks of full rows. */
export interface Rows {
  /** Rows of the array. */
  readonly height: number;
  readonly rowBytes: number;
  /** Rows of a chunk. */
  readonly chunkRows: number;
}

/**
 * Collects rows, which arrive in order, into chunks. One chunk is stored while the next is filled, so that memory holds
 * two. Rows count as stored when their chunk is stored.
 */
export class RowCollector {
  private chunk = new Uint8Array(0);
  private storing: Promise<void> = Promise.resolve();

  /**
   * @param next row to continue with: a multiple of the rows of a chunk, or the height
   * @param store stores a chunk; rows beyond the array are 0
   */
  constructor(
    private readonly rows: Rows,
    public next: number,
    private readonly store: (chunk: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
  ) {}

  /** Rows of the array. */
  get height(): number {
    return this.rows.height;
  }

  get rowBytes(): number {
    return this.rows.rowBytes;
  }

  /** Returns true if all rows have arrived. */
  get isComplete(): boolean {
    return this.next === this.rows.height;
  }

  /** Adds full rows, which follow those before. @throws errors of storing */
  async add(values: Uint8Array): Promise<void> {
    const { rowBytes, chunkRows, height } = this.rows;
    for (let read = 0; read < values.byteLength;) {
      const filled = this.next % chunkRows;
      if (filled === 0) this.chunk = new Uint8Array(chunkRows * rowBytes);
      const count = Math.min(chunkRows - filled, (values.byteLength - read) / rowBytes);
      this.chunk.set(values.subarray(read, read + count * rowBytes), filled * rowBytes);
      read += count * rowBytes;
      this.next += count;
      if (filled + count < chunkRows && this.next < height) continue;
      await this.storing;
      this.storing = this.store(Math.ceil(this.next / chunkRows) - 1, this.chunk);
      // Error for the next call, or for `finish`.
      this.storing.catch(() => undefined);
      this.chunk = new Uint8Array(0);
    }
  }

  /** Waits until all full chunks are stored. @throws errors of storing */
  async finish(): Promise<void> {
    await this.storing;
  }
}

/**
 * Counts the rows that are stored without a gap from the first.
 *
 * @param keyOf key of a chunk
 */
export async function storedRows(
  store: ObjectStore,
  { height, chunkRows }: Rows,
  keyOf: (chunk: number) => string,
): Promise<number> {
  const first = keyOf(0);
  const keys = new Set((await store.list(first.slice(0, first.indexOf('/c/') + 3))).map(({ key }) => key));
  let chunk = 0;
  while (chunk * chunkRows < height && keys.has(keyOf(chunk))) chunk += 1;
  return Math.min(height, chunk * chunkRows);
}
