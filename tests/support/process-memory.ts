import { readFileSync } from 'node:fs';

/** Bytes of a process in memory: at their peak (`VmHWM`), or now (`VmRSS`). */
export function memoryOf(pid: number, field: 'VmHWM' | 'VmRSS' = 'VmRSS'): number {
  const kibibytes = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}
