/** Instruction sets of this processor. */
import { readFileSync } from 'node:fs';

/** Returns the names that Linux gives to the instruction sets of this processor; none on other systems. */
export function processorFlags(): ReadonlySet<string> {
  try {
    const line = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    return new Set(line.trim().split(/\s+/));
  } catch {
    return new Set();
  }
}

/**
 * Returns true if our own bfloat16 kernel is faster than oneDNN's layers. The instruction sets decide and not a
 * measurement: pods on equal processors compute the same to the last bit. Processors with AMX have faster instructions
 * than our kernel uses, and oneDNN uses them.
 */
export function prefersPackedBfloat16(flags: ReadonlySet<string>): boolean {
  return flags.has('avx512_bf16') && !flags.has('amx_bf16');
}
