import { failure } from '@hyperswap/errors';
import type { Revisioned } from './bus.js';

/** Unreadable value in a bucket. */
export interface DamagedValue {
  readonly bucket: string;
  readonly key: string;
  /** Revision that a replacement names; deleting the key needs none. */
  readonly revision: number;
  readonly reason: string;
}

/** Listener for unreadable values, called once per revision. */
export type DamageListener = (damaged: DamagedValue) => void;

/** Reads the values of a bucket one by one, so that an unreadable value does not affect the others. */
export class ValueReader<Stored, Value> {
  private readonly reported = new Map<string, number>();

  /** @param parse converts stored JSON to a value; throws if it is not valid */
  constructor(
    private readonly bucket: string,
    private readonly parse: (stored: Stored) => Value,
    private readonly onDamaged: DamageListener,
  ) {}

  /** Returns a value. @throws OBJECT_DAMAGED */
  read({ key, revision, value }: Revisioned<Stored>): Revisioned<Value> {
    try {
      return { key, value: this.parse(value), revision };
    } catch (cause) {
      const reason = `its value of revision ${revision} cannot be read (${(cause as Error).message})`;
      throw failure('OBJECT_DAMAGED', { key: `${this.bucket}/${key}`, reason }, cause);
    }
  }

  /** Returns a value; undefined, after a report, when it cannot be read. */
  readIfWhole(entry: Revisioned<Stored>): Revisioned<Value> | undefined {
    try {
      return this.read(entry);
    } catch (error) {
      const { key, revision } = entry;
      if (this.reported.get(key) !== revision) {
        this.reported.set(key, revision);
        this.onDamaged({ bucket: this.bucket, key, revision, reason: (error as Error).message });
      }
      return undefined;
    }
  }
}
