import { failure } from '@hyperswap/errors';
import type { KeyValue, Revisioned } from './bus.js';
import { ValueReader, type DamageListener } from './value-reader.js';

/**
 * State whose values are checked by one function when they are read and before they are written, so that nothing is written that cannot be read.
 */
export class CheckedKeyValue<Value> implements KeyValue<Value> {
  private readonly reader: ValueReader<unknown, Value>;

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
    return entries.map((entry) => this.reader.readIfWhole(entry)).filter((entry) => entry !== undefined);
  }

  keys(): Promise<string[]> {
    return this.stored.keys();
  }

  /** As of any state. @throws FIELD_INVALID when the value could not be read again */
  async update(key: string, value: Value, revision: number): Promise<number> {
    try {
      // As it will be read: JSON has no NaN and no undefined.
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
      const whole = this.reader.readIfWhole(entry);
      if (whole !== undefined) onChange(whole);
    });
  }
}
