/**
 * Products of rows by `kernels/row-products.ts`: three times as fast as the same loop in JavaScript, which has no
 * instructions for two values at once.
 */
import { readFileSync } from 'node:fs';

/** Part of the standard's JavaScript interface that is used; TypeScript has it in its libraries for browsers only. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

interface Kernel {
  addRowProducts(a: number, rowsA: number, b: number, rowsB: number, length: number, target: number): void;
}

/** Rows that the kernel takes at once. */
const tileRows = 3;
const pageBytes = 65_536;

let compiled: object | undefined;

/** Rows rounded up to whole tiles. */
export function paddedRows(rows: number): number {
  return Math.ceil(rows / tileRows) * tileRows;
}

/**
 * Two matrices and the inner products of their rows, in float64, in a memory of their own. Rows that were added to fill
 * a tile are zero.
 */
export class RowProducts {
  /** Values of a row; one more than was asked for where that is odd. */
  readonly length: number;
  /** `[padded rows, length]` */
  readonly a: Float64Array;
  /** `[padded rows, length]`; of one matrix with itself it is `a`. */
  readonly b: Float64Array;
  /** `[padded rows of a, padded rows of b]`; of one matrix with itself the diagonal and what is above it. */
  readonly target: Float64Array;
  private readonly kernel: Kernel;

  /** @param rowsB without it the products are those of `a` with itself */
  constructor(rowsA: number, length: number, rowsB?: number) {
    this.length = length + (length % 2);
    const valuesA = paddedRows(rowsA) * this.length;
    const valuesB = rowsB === undefined ? 0 : paddedRows(rowsB) * this.length;
    const products = paddedRows(rowsA) * paddedRows(rowsB ?? rowsA);
    const bytes = (valuesA + valuesB + products) * Float64Array.BYTES_PER_ELEMENT;
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes) });
    const view = (first: number, values: number): Float64Array =>
      new Float64Array(memory.buffer, first * Float64Array.BYTES_PER_ELEMENT, values);
    this.a = view(0, valuesA);
    this.b = rowsB === undefined ? this.a : view(valuesA, valuesB);
    this.target = view(valuesA + valuesB, products);
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./row-products.wasm', import.meta.url)));
    this.kernel = new WebAssembly.Instance(compiled, { env: { memory } }).exports as Kernel;
  }

  /** Adds a · bᵀ to the target. */
  add(): void {
    const { a, b, target, length, kernel } = this;
    kernel.addRowProducts(a.byteOffset, a.length / length, b.byteOffset, b.length / length, length, target.byteOffset);
  }
}
