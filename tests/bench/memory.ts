import { readFileSync } from 'node:fs';

/**
 * Returns the memory of a process in bytes: its peak (`VmHWM`), or now (`VmRSS`).
 *
 * @param process number of the process; this one by default
 */
export function processMemory(field: 'VmHWM' | 'VmRSS', process: number | 'self' = 'self'): number {
  const kibibytes = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${process}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}
