import { failure } from '@hyperswap/errors';
import type { RasterClass } from '../raster-info.js';

/** Label of a pixel that has none. */
const unlabelled = 0;
const largestClass = 255;
const maximumNameLength = 100;

/** Rules that turn the values of label files into classes. */
export interface ClassOptions {
  /** Names of classes, from 1 on; empty when they are to be taken from the files. */
  readonly names?: readonly string[];
  /** Class of each code, or `auto`: the codes that are present, in ascending order, become the classes from 1 on. */
  readonly mapping?: ReadonlyMap<number, number> | 'auto' | undefined;
  /** Names and colours of values; they come before those of label files. */
  readonly table?: readonly RasterClass[] | undefined;
}

/** Class of a scene's labels. */
export interface FinishedClass {
  readonly name: string;
  readonly color: number | undefined;
  /** Value of the class in the label files, of an automatic mapping. */
  readonly code?: number;
}

/** Classes of a scene's labels, once all are read. */
export interface FinishedClasses {
  /** Names, colours and, of an automatic mapping, codes of the classes from 1 on; empty if they have no names. */
  readonly classes: readonly FinishedClass[];
  /** Codes that the mapping does not name: unlabelled. */
  readonly unmapped: readonly number[];
}

/**
 * Classes of the labels of one scene. All its label files share them, so that a code or name means the same class in
 * each. Labels are provisional until all files are read: {@link finish} gives the numbers.
 */
export class LabelClasses {
  private readonly names: string[];
  private readonly given: boolean;
  private readonly codes = new Map<number, number>();
  private readonly unmapped = new Set<number>();
  /** Names and colours that a table or a raster gives its values. */
  private readonly told = new Map<number, RasterClass>();
  private readonly colors = new Map<string, number>();

  constructor(private readonly options: ClassOptions = {}) {
    this.names = [...(options.names ?? [])];
    this.given = this.names.length > 0;
    this.describe(options.table ?? []);
  }

  /**
   * Returns the provisional label of a value: a number, the name of a class, or a number as text.
   *
   * @param nodata value of pixels that are not labelled, beside 0; where it is given and the codes are mapped, 0 is a
   * code like others
   * @returns undefined when the value is none
   */
  labelOf(value: number | string, nodata: number | undefined): number | undefined {
    if (typeof value === 'string') {
      const known = this.names.indexOf(value);
      if (known >= 0) return known + 1;
      const told = [...this.told.values()].find(({ name }) => name === value);
      if (told !== undefined) return this.labelOf(told.value, nodata);
      const isNumber = value.trim() !== '' && Number.isFinite(Number(value));
      return isNumber ? this.labelOf(Number(value), nodata) : this.addName(value);
    }
    if (value === nodata || Number.isNaN(value)) return unlabelled;
    if (!Number.isSafeInteger(value)) return undefined;
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
      if (!this.told.has(entry.value)) this.told.set(entry.value, entry);
    }
  }

  /** Notes colours that a file gives the names of its classes. */
  describeNames(classes: readonly Omit<RasterClass, 'value'>[]): void {
    for (const { name, color } of classes) {
      if (name !== undefined && color !== undefined && !this.colors.has(name)) this.colors.set(name, color);
    }
  }

  /**
   * Gives label maps their final numbers, in place.
   *
   * @returns classes, where the files or the user name them or the codes are mapped automatically; codes that the
   * mapping left out
   */
  finish(maps: readonly Uint8Array[]): FinishedClasses {
    const unmapped = [...this.unmapped].sort((a, b) => a - b);
    const codes = [...this.codes.keys()].sort((a, b) => a - b);
    if (this.options.mapping === 'auto') {
      const final = new Uint8Array(256);
      codes.forEach((code, index) => (final[this.codes.get(code)!] = index + 1));
      for (const map of maps) for (let i = 0; i < map.length; i++) map[i] = final[map[i]!]!;
    }
    const highest = maps.reduce((most, map) => map.reduce((label, other) => Math.max(label, other), most), 0);
    return { classes: this.finalClasses(codes, highest), unmapped };
  }

  /** @param highest label that a pixel has */
  private finalClasses(codes: readonly number[], highest: number): FinishedClasses['classes'] {
    const { mapping } = this.options;
    // More names than codes: they are not names of the codes.
    if (mapping !== 'auto' || this.names.length > codes.length) {
      if (this.names.length > 0) return this.names.map((name) => ({ name, color: this.colors.get(name) }));
    }
    if (mapping === 'auto') {
      const told = this.distinct(codes.map((code) => this.toldOf([code], String(code))));
      return told.map((found, index) => ({ ...found, name: this.names[index] ?? found.name, code: codes[index]! }));
    }
    const named = [...this.told.values()].filter(({ name, value }) => name !== undefined && value <= largestClass);
    const last = Math.max(highest, ...(mapping === undefined ? named.map(({ value }) => value) : []));
    const classes = Array.from({ length: last }, (_, index) => {
      const label = index + 1;
      const values =
        mapping === undefined ? [label] : [...mapping].flatMap(([code, mapped]) => (mapped === label ? [code] : []));
      return this.toldOf(values, `class ${label}`);
    });
    const isTold = classes.some(({ name, color }, index) => name !== `class ${index + 1}` || color !== undefined);
    return isTold ? this.distinct(classes) : [];
  }

  /** Returns name and colour that the first of some values was given. */
  private toldOf(values: readonly number[], fallback: string): FinishedClasses['classes'][number] {
    const told = values.flatMap((value) => this.told.get(value) ?? []);
    const name = told.find((entry) => entry.name !== undefined && entry.name !== '')?.name ?? fallback;
    return { name, color: told.find(({ color }) => color !== undefined)?.color };
  }

  /** Drops colours that do not distinguish the classes, such as a default palette of greys. */
  private distinct(classes: FinishedClasses['classes']): FinishedClasses['classes'] {
    const colors = classes.flatMap(({ color }) => color ?? []);
    if (new Set(colors).size === colors.length) return classes;
    return classes.map(({ name }) => ({ name, color: undefined }));
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
