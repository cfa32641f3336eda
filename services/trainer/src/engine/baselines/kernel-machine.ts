/** Support-vector machine of libsvm on a kernel that TensorFlow computes. */
import { createRequire } from 'node:module';

/** Part of libsvm-js that is used here; the package has no types. */
interface LibSvm {
  train(samples: readonly (readonly number[])[], labels: readonly number[]): void;
  predictOne(sample: readonly number[]): number;
  free(): void;
}
interface LibSvmModule {
  new (options: Readonly<Record<string, number | boolean>>): LibSvm;
  readonly SVM_TYPES: { readonly C_SVC: number };
  readonly KERNEL_TYPES: { readonly PRECOMPUTED: number };
}

/** Values of the kernel, `[samples, known]`. */
export interface Kernel {
  readonly values: Float32Array;
  /** Number of known samples. */
  readonly known: number;
}

/** A machine that was trained on some of the known samples. */
export interface KernelMachine {
  /** @param rows of the kernel @returns their classes */
  predict(kernel: Kernel, rows: readonly number[]): Uint8Array;
  free(): void;
}

/**
 * Trains a machine, one class against one.
 *
 * @param kernel of the known samples with themselves
 * @param chosen known samples to train on
 * @param labels of all known samples
 */
export async function trainMachine(
  kernel: Kernel,
  chosen: readonly number[],
  labels: Uint8Array,
  cost: number,
): Promise<KernelMachine> {
  // The asm.js build: the WebAssembly build warns on standard error.
  const libSvm = await (createRequire(import.meta.url)('libsvm-js/asm') as LibSvmModule | Promise<LibSvmModule>);
  const machine = new libSvm({
    ...{ type: libSvm.SVM_TYPES.C_SVC, kernel: libSvm.KERNEL_TYPES.PRECOMPUTED, cost, quiet: true },
  });
  // libsvm expects each row of a precomputed kernel to begin with the row's number.
  const rowOf = ({ values, known }: Kernel, row: number, place: number): number[] => [
    place + 1,
    ...chosen.map((column) => values[row * known + column]!),
  ];
  const samples = chosen.map((row, place) => rowOf(kernel, row, place));
  machine.train(
    samples,
    chosen.map((row) => labels[row]!),
  );
  return {
    predict: (other, rows) => Uint8Array.from(rows, (row) => machine.predictOne(rowOf(other, row, 0))),
    free: () => {
      machine.free();
    },
  };
}
