/** The finished parts of a job as a bit each, in base64. Setting a bit twice is harmless. */

/** Most parts of a job: its record, with a bit for each, is written whenever one is done. */
export const maximumParts = 16_384;

export function noParts(total: number): string {
  return Buffer.alloc(Math.ceil(total / 8)).toString('base64');
}

export function hasPart(finished: string, part: number): boolean {
  return ((Buffer.from(finished, 'base64')[part >> 3] ?? 0) & (1 << (part & 7))) !== 0;
}

export function withPart(finished: string, part: number): string {
  const bits = Buffer.from(finished, 'base64');
  bits[part >> 3]! |= 1 << (part & 7);
  return bits.toString('base64');
}

export function countParts(finished: string): number {
  let count = 0;
  for (let bits of Buffer.from(finished, 'base64')) for (; bits > 0; bits &= bits - 1) count += 1;
  return count;
}
