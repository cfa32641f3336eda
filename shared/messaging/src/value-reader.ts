import { failure } from '@hyperswap/errors';
import type { Revisioned } from './bus.js';

/** A value that is in a bucket and cannot be read. */
export interface DamagedValue {
  readonly bucket: string;
  readonly key: string;
  /** Revision that a replacement names; deleting the key needs none. */
  readonly revision: number;
  readonly reason: string;
}

/** Listener of values that cannot be read; each is told once a revision. */
export type DamageListener = (damaged: DamagedValue) => void;

/** Reads the values of a bucket one by one, so that one that cannot be read spoils nothing but itself. */
export class ValueReader<Stored, Value> {
  private readonly reported = new Map<string, number>();

  /** @param parse makes a value of what is stored; throws for what is none */
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
