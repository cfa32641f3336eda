import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { builtEngine, type BuiltEngine } from './built-engine.js';
import { loadErrors } from './loadable.js';
import { driverLibrary, nvidiaWheels, oldestDriver } from './nvidia-libraries.js';

/** Support of this machine and the engine for NVIDIA's GPUs. */
export interface Accelerator {
  /** Build of TensorFlow. */
  readonly build: BuiltEngine['flavour'];
  /**
   * Version of NVIDIA's driver; `unknown` if its library loads, but no kernel module tells one; empty without a driver.
   */
  readonly driver: string;
  /**
   * Libraries of CUDA that do not load, by their names, for example `libcudnn.so.9`; always empty for the CPU build.
   */
  readonly missingLibraries: readonly string[];
}

let found: Promise<Accelerator> | undefined;

/**
 * Looks for the driver and, in the CUDA build, for CUDA's libraries, which another process loads in up to seconds; once
 * a process.
 */
export function accelerator(): Promise<Accelerator> {
  found ??= find(builtEngine());
  return found;
}

async function find({ flavour, root }: BuiltEngine): Promise<Accelerator> {
  const version = await driverVersion();
  if (flavour === 'cpu') return { build: flavour, driver: version ?? '', missingLibraries: [] };
  const paths = nvidiaWheels.flatMap(({ libraries }) => libraries.map((library) => path.join(root, library)));
  const errors = await loadErrors([driverLibrary, ...paths]);
  return {
    build: flavour,
    driver: errors.get(driverLibrary) === '' ? (version ?? 'unknown') : '',
    missingLibraries: paths.filter((file) => errors.get(file) !== '').map((file) => path.basename(file)),
  };
}

/**
 * Returns the version of the driver's kernel module; undefined without one, or under WSL, which has none of its own.
 */
async function driverVersion(): Promise<string | undefined> {
  const text = await readFile('/proc/driver/nvidia/version', 'utf8').catch(() => '');
  return /Kernel Module.*?\s(\d+(?:\.\d+)+)\s/.exec(text)?.[1];
}

/** Says why ops run on the processor and what would change it; empty when they run on a GPU. */
export function processorReason({ build, driver, missingLibraries }: Accelerator, device: 'cpu' | 'gpu'): string {
  if (device === 'gpu') return '';
  if (build === 'cpu') {
    const mend = 'set up the CUDA build with ENGINE=cuda make setup';
    return `this engine is built for processors${driver === '' ? '' : `, but there is an NVIDIA driver (${driver}): ${mend}`}`;
  }
  if (missingLibraries.length > 0) {
    return `${missingLibraries.join(', ')} cannot be loaded: run ENGINE=cuda make setup again`;
  }
  if (driver === '') return `NVIDIA's driver was not found: ${driverLibrary} does not load`;
  if (driver !== 'unknown' && isOlder(driver, oldestDriver)) {
    return `NVIDIA's driver ${driver} is older than ${oldestDriver}, which CUDA 12 needs`;
  }
  return `TensorFlow found no GPU that it can use with driver ${driver}; CUDA_VISIBLE_DEVICES may hide it`;
}

/** Compares versions, number by number. */
function isOlder(version: string, other: string): boolean {
  const [left, right] = [version, other].map((text) => text.split('.').map(Number));
  const at = right!.findIndex((number, index) => number !== (left![index] ?? 0));
  return at >= 0 && (left![at] ?? 0) < right![at]!;
}
