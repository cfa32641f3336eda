import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Output of a case. */
export interface Measured {
  readonly seconds: readonly number[];
  readonly peakBytes: number;
}

/** Runs a case in a process of its own. @param command program and arguments */
export function runCase<Result = Measured>(command: readonly [string, ...string[]]): Promise<Result> {
  const [program, ...args] = command;
  const environment = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
  return new Promise((resolve, reject) => {
    execFile(program, args, { env: environment, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${command.join(' ')}: ${stderr.slice(-2000)}`, { cause: error }));
      else resolve(JSON.parse(stdout.trim().split('\n').at(-1)!) as Result);
    });
  });
}

/** Runs a case of this project. @param module beside this one */
export function ourCase(module: string, name: string, given: object): readonly [string, ...string[]] {
  return [process.execPath, fileURLToPath(new URL(module, import.meta.url)), name, JSON.stringify(given)];
}

/** Returns the median, and half the distance between the quartiles. */
export function summary(values: readonly number[]): { readonly median: number; readonly spread: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const quantile = (share: number): number => {
    const position = share * (sorted.length - 1);
    const below = sorted[Math.floor(position)]!;
    return below + (position % 1) * (sorted[Math.ceil(position)]! - below);
  };
  return { median: quantile(0.5), spread: (quantile(0.75) - quantile(0.25)) / 2 };
}
