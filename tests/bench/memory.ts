import { readFileSync } from 'node:fs';

/** Returns the memory of this process in bytes: its peak (`VmHWM`), or now (`VmRSS`). */
export function processMemory(field: 'VmHWM' | 'VmRSS'): number {
  const kibibytes = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}
