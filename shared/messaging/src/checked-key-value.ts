import { failure } from '@hyperswap/errors';
import type { KeyValue, Revisioned, ValuePage } from './bus.js';
import { ValueReader, type DamageListener } from './value-reader.js';

/**
 * State whose values are checked by one function when they are read and before they are written, so that nothing is
 * written that cannot be read.
 */
export class CheckedKeyValue<Value> implements KeyValue<Value> {
  private readonly reader: ValueReader<unknown, Value>;
  /**
   * Cache of checked entries: a list may have a hundred thousand entries, most of them unchanged since the last list.
   */
  private readonly checked = new WeakMap<Revisioned<unknown>, Revisioned<Value>>();

  constructor(
    private readonly stored: KeyValue<unknown>,
    private readonly bucket: string,
    private readonly read: (stored: unknown) => Value,
    onDamaged: DamageListener,
  ) {
    this.reader = new ValueReader(bucket, read, onDamaged);
  }

  async get(key: string): Promise<Revisioned<Value> | undefined> {
    const entry = await this.stored.get(key);
    return entry && this.reader.read(entry);
  }

  async list(): Promise<Revisioned<Value>[]> {
    const entries = await this.stored.list();
    return entries.map((entry) => this.readIfWhole(entry)).filter((entry) => entry !== undefined);
  }

  async page(from: string, most: number): Promise<ValuePage<Value>> {
    const { entries, damaged, next } = await this.stored.page(from, most);
    const read = entries.map((entry) => this.readIfWhole(entry));
    const spoilt = entries.filter((_, index) => read[index] === undefined).map(({ key }) => key);
    return {
      entries: read.filter((entry) => entry !== undefined),
      damaged: spoilt.length === 0 ? damaged : [...damaged, ...spoilt].sort(),
      next,
    };
  }

  /** Writes a value, as in any bucket. @throws FIELD_INVALID when the value could not be read again */
  async update(key: string, value: Value, revision: number): Promise<number> {
    try {
      // Converted as a reader will see it: JSON has no NaN and no undefined.
      this.read(JSON.parse(JSON.stringify(value)));
    } catch (cause) {
      const reason = `the value cannot be stored (${(cause as Error).message})`;
      throw failure('FIELD_INVALID', { field: `${this.bucket}/${key}`, reason }, cause);
    }
    return this.stored.update(key, value, revision);
  }

  async delete(key: string): Promise<void> {
    await this.stored.delete(key);
  }

  watch(onChange: (entry: Revisioned<Value>) => void): () => void {
    return this.stored.watch((entry) => {
      const whole = this.readIfWhole(entry);
      if (whole !== undefined) onChange(whole);
    });
  }

  private readIfWhole(entry: Revisioned<unknown>): Revisioned<Value> | undefined {
    const known = this.checked.get(entry);
    if (known !== undefined) return known;
    const read = this.reader.readIfWhole(entry);
    if (read === undefined) return undefined;
    // One object for both, if the check changes nothing.
    const checked = read.value === entry.value ? (entry as Revisioned<Value>) : read;
    this.checked.set(entry, checked);
    return checked;
  }
}
