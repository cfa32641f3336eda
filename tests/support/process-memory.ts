import { readFileSync } from 'node:fs';

/** Bytes of a process in memory: at their peak (`VmHWM`), or now (`VmRSS`). */
export function memoryOf(pid: number, field: 'VmHWM' | 'VmRSS' = 'VmRSS'): number {
  const kibibytes = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

const mebibyte = 1024 ** 2;

/** Runs something. @returns the largest memory of a process meanwhile, above what it had, in MiB */
export async function growth(pid: number, work: Promise<unknown>): Promise<number> {
  const before = memoryOf(pid);
  let largest = before;
  const watching = setInterval(() => (largest = Math.max(largest, memoryOf(pid))), 10);
  try {
    await work;
    return (largest - before) / mebibyte;
  } finally {
    clearInterval(watching);
  }
}
