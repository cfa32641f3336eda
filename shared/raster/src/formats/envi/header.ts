/** Headers of ENVI rasters: `key = value` lines, values in braces over several lines. NV5, "ENVI Header Files". */
import { failure } from '@hyperswap/errors';
import type { RandomAccess } from '../../source/random-access.js';

const maximumBytes = 16 * 1024 ** 2;

/** Reads the keys of a header, in lower case, with their values without braces. @throws FILE_FORMAT */
export async function readHeader(source: RandomAccess): Promise<EnviHeader> {
  if (source.size > maximumBytes) throw invalid(source.name, `its header has more than ${maximumBytes} bytes`);
  const lines = Buffer.from(await source.read(0, source.size))
    .toString('utf8')
    .split(/\r\n|\n|\r/);
  if (lines[0]?.trim() !== 'ENVI') throw invalid(source.name, 'its header does not begin with ENVI');
  const values = new Map<string, string>();
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]!;
    const split = line.indexOf('=');
    if (split < 0 || line.trimStart().startsWith(';')) continue;
    const key = line.slice(0, split).trim().toLowerCase().replaceAll(/\s+/g, ' ');
    const parts = [line.slice(split + 1)];
    if (parts[0]!.trimStart().startsWith('{')) {
      while (!parts.at(-1)!.includes('}') && i + 1 < lines.length) {
        const next = lines[++i]!;
        if (!next.trimStart().startsWith(';')) parts.push(next);
      }
    }
    const value = parts.join(' ').trim();
    values.set(
      key,
      value.startsWith('{')
        ? value.slice(1, value.lastIndexOf('}') < 0 ? undefined : value.lastIndexOf('}')).trim()
        : value,
    );
  }
  return new EnviHeader(source.name, values);
}

export class EnviHeader {
  constructor(
    private readonly file: string,
    private readonly values: ReadonlyMap<string, string>,
  ) {}

  text(key: string): string | undefined {
    return this.values.get(key);
  }

  /**
   * Returns a whole number that is not negative.
   *
   * @throws FILE_FORMAT when it is missing without a default, or something else
   */
  whole(key: string, fallback?: number): number {
    const text = this.values.get(key);
    if (text === undefined && fallback !== undefined) return fallback;
    if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
    throw invalid(this.file, text === undefined ? `its header has no ${key}` : `its header has ${key} = ${text}`);
  }

  list(key: string): string[] {
    const text = this.values.get(key);
    return text === undefined || text === '' ? [] : text.split(',').map((part) => part.trim());
  }

  /** Returns a list of numbers; undefined when there is none of this length. */
  numbers(key: string, length: number): number[] | undefined {
    const values = this.list(key).map(Number);
    return values.length === length && values.every(Number.isFinite) ? values : undefined;
  }
}

export function invalid(file: string, reason: string): Error {
  return failure('FILE_FORMAT', { file, expected: 'ENVI', reason });
}
