import { setImmediate } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import type { StorageType } from '../array.js';
import type { ArrayReader, Box } from './array-reader.js';

/** Columns of a sparse matrix whose places are read together. */
const maximumColumns = 2 ** 26;
/** Number of values and columns between two yields to the event loop: a few milliseconds of work. */
const stepsOfTurn = 256 * 1024;

/** Sparse matrix, compressed by columns: the row of each value, and where each column begins among them. */
export class SparseArray implements ArrayReader {
  readonly type: StorageType = 'f8';

  constructor(
    private readonly file: string,
    readonly shape: readonly [number, number],
    private readonly rows: ArrayReader,
    private readonly columns: ArrayReader,
    private readonly values: ArrayReader,
  ) {}

  async read([row, column]: readonly [number, number], [height, width]: readonly [number, number]): Promise<Box> {
    if (width > maximumColumns) throw this.invalid(`it has more than ${maximumColumns} columns`);
    const result = new Float64Array(height * width);
    const { values: starts } = await this.columns.read([column], [width + 1]);
    const [first, last] = [starts[0]!, starts[width]!];
    const available = Math.min(this.rows.shape[0]!, this.values.shape[0]!);
    if (first < 0 || last < first || last > available) throw this.invalid('the places of its columns are damaged');
    if (last === first) return { values: result, strides: [width, 1] };
    const { values: rows } = await this.rows.read([first], [last - first]);
    const { values } = await this.values.read([first], [last - first]);
    let steps = 0;
    for (let x = 0; x < width; x++) {
      const [from, to] = [starts[x]! - first, starts[x + 1]! - first];
      if (from < 0 || to < from || to > last - first) throw this.invalid('the places of its columns are damaged');
      for (let i = from; i < to; i++) {
        const y = rows[i]! - row;
        if (rows[i]! < 0 || rows[i]! >= this.shape[0])
          throw this.invalid(`it has a value in row ${rows[i]!} of ${this.shape[0]}`);
        if (y >= 0 && y < height) result[y * width + x] = values[i]!;
      }
      steps += 1 + to - from;
      if (steps < stepsOfTurn) continue;
      steps = 0;
      await setImmediate();
    }
    return { values: result, strides: [width, 1] };
  }

  private invalid(reason: string): Error {
    return failure('FILE_FORMAT', {
      file: this.file,
      expected: 'MATLAB v5',
      reason: `its sparse matrix is damaged: ${reason}`,
    });
  }
}
