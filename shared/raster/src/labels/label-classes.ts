import { failure } from '@hyperswap/errors';

/** Label of a pixel that has none. */
export const unlabelled = 0;
const largestClass = 255;
const maximumNameLength = 100;

/** How the values of label files become classes. */
export interface ClassOptions {
  /** Names of classes, from 1 on; empty when they are to be taken from the files. */
  readonly names?: readonly string[];
  /** Class of each code, or `auto`: the codes that are present, in ascending order, become the classes from 1 on. */
  readonly mapping?: ReadonlyMap<number, number> | 'auto' | undefined;
}

/**
 * Classes of the labels of one scene. All its label files share them, so that a code or name means the same class in each.
 * Labels are provisional until all files are read: {@link finish} gives the numbers.
 */
export class LabelClasses {
  private readonly names: string[];
  private readonly given: boolean;
  private readonly codes = new Map<number, number>();
  private readonly unmapped = new Set<number>();

  constructor(private readonly options: ClassOptions = {}) {
    this.names = [...(options.names ?? [])];
    this.given = this.names.length > 0;
  }

  /**
   * Returns the provisional label of a value: a number, the name of a class, or a number as text.
   *
   * @param nodata value of pixels that are not labelled, beside 0; where it is given and the codes are mapped, 0 is a code like others
   * @returns undefined when the value is none
   */
  labelOf(value: number | string, nodata: number | undefined): number | undefined {
    if (typeof value === 'string') {
      const known = this.names.indexOf(value);
      if (known >= 0) return known + 1;
      const isNumber = value.trim() !== '' && Number.isFinite(Number(value));
      return isNumber ? this.labelOf(Number(value), nodata) : this.addName(value);
    }
    if (value === nodata || Number.isNaN(value)) return unlabelled;
    if (!Number.isInteger(value)) return undefined;
    const { mapping } = this.options;
    if (mapping instanceof Map) {
      const label = (mapping as ReadonlyMap<number, number>).get(value);
      if (label !== undefined) return label;
      if (value !== 0) this.unmapped.add(value);
      return unlabelled;
    }
    if (value === 0 && (mapping !== 'auto' || nodata === undefined)) return unlabelled;
    if (mapping === 'auto') return this.addCode(value);
    return value >= 1 && value <= largestClass ? value : undefined;
  }

  /** Gives label maps their final numbers, in place. @returns names where the files or the user told them, codes of an automatic mapping */
  finish(maps: readonly Uint8Array[]): {
    readonly names: readonly string[];
    readonly codes: readonly number[];
    readonly unmapped: readonly number[];
  } {
    const unmapped = [...this.unmapped].sort((a, b) => a - b);
    if (this.options.mapping !== 'auto') return { names: this.names, codes: [], unmapped };
    const codes = [...this.codes.keys()].sort((a, b) => a - b);
    const final = new Uint8Array(256);
    codes.forEach((code, index) => (final[this.codes.get(code)!] = index + 1));
    for (const map of maps) for (let i = 0; i < map.length; i++) map[i] = final[map[i]!]!;
    return { names: this.given ? this.names : codes.map(String), codes, unmapped };
  }

  private addName(name: string): number | undefined {
    // Names that the user listed are all there are.
    if (this.given || this.options.mapping !== undefined || name.trim() === '') return undefined;
    if (name.length > maximumNameLength || this.names.length === largestClass) return undefined;
    this.names.push(name);
    return this.names.length;
  }

  private addCode(code: number): number {
    const known = this.codes.get(code);
    if (known !== undefined) return known;
    if (this.codes.size === largestClass) {
      throw failure('LABELS_VALUES', {
        labels: 'with --map-classes auto',
        reason: `they hold more than ${largestClass} codes`,
      });
    }
    this.codes.set(code, this.codes.size + 1);
    return this.codes.size;
  }
}
