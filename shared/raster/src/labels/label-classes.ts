import { failure } from '@hyperswap/errors';
import type { RasterClass } from '../raster-info.js';

/** Label of a pixel that has none. */
const unlabelled = 0;
const largestClass = 255;
const maximumNameLength = 100;

/** How the values of label files become classes. */
export interface ClassOptions {
  /** Names of classes, from 1 on; empty when they are to be taken from the files. */
  readonly names?: readonly string[];
  /** Class of each code, or `auto`: the codes that are present, in ascending order, become the classes from 1 on. */
  readonly mapping?: ReadonlyMap<number, number> | 'auto' | undefined;
}

/** Classes of a scene's labels, once all are read. */
export interface FinishedClasses {
  /** Names and colours of the classes from 1 on; empty when nobody names them. */
  readonly classes: readonly { readonly name: string; readonly color: number | undefined }[];
  /** Original codes of the classes from 1 on, of an automatic mapping. */
  readonly codes: readonly number[];
  /** Codes that the mapping does not name: unlabelled. */
  readonly unmapped: readonly number[];
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
  /** Names and colours that a raster gives its values. */
  private readonly told = new Map<number, RasterClass>();

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

  /** Notes the names and colours that a raster gives its values; the first raster that names a value is heard. */
  describe(classes: readonly RasterClass[]): void {
    for (const entry of classes) {
      if (entry.name !== undefined && entry.value >= 0 && !this.told.has(entry.value))
        this.told.set(entry.value, entry);
    }
  }

  /**
   * Gives label maps their final numbers, in place.
   *
   * @returns classes, where the files or the user name them; codes of an automatic mapping; codes that the mapping left out
   */
  finish(maps: readonly Uint8Array[]): FinishedClasses {
    const unmapped = [...this.unmapped].sort((a, b) => a - b);
    const codes = [...this.codes.keys()].sort((a, b) => a - b);
    if (this.options.mapping === 'auto') {
      const final = new Uint8Array(256);
      codes.forEach((code, index) => (final[this.codes.get(code)!] = index + 1));
      for (const map of maps) for (let i = 0; i < map.length; i++) map[i] = final[map[i]!]!;
    }
    return { classes: this.finalClasses(codes), codes, unmapped };
  }

  private finalClasses(codes: readonly number[]): FinishedClasses['classes'] {
    if (this.names.length > 0) return this.names.map((name) => ({ name, color: undefined }));
    if (this.options.mapping === 'auto') return codes.map((code) => this.toldOf(code, String(code)));
    const last = Math.min(largestClass, Math.max(0, ...this.told.keys()));
    if (this.options.mapping !== undefined || last === 0) return [];
    return Array.from({ length: last }, (_, index) => this.toldOf(index + 1, `class ${index + 1}`));
  }

  private toldOf(value: number, fallback: string): { readonly name: string; readonly color: number | undefined } {
    const told = this.told.get(value);
    return { name: told?.name ?? fallback, color: told?.color };
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
