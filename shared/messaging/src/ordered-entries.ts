/** Keys that are added before they are put in their place together: a merge costs time for all keys. */
const mostAdded = 4096;

/**
 * Entries by key, which can be read in the order of their keys from any key on. A change costs about the same however many there are, and so does
 * reading some of them.
 */
export class OrderedEntries<Entry extends { readonly key: string }> {
  private readonly byKey = new Map<string, Entry>();
  /** Keys in order, but for those that were added lately. */
  private order: string[] = [];
  private added: string[] = [];

  get(key: string): Entry | undefined {
    return this.byKey.get(key);
  }

  /** Adds an entry, or replaces that of its key. */
  set(entry: Entry): void {
    const { key } = entry;
    const isNew = !this.byKey.has(key);
    this.byKey.set(key, entry);
    if (!isNew) return;
    this.added.push(key);
    if (this.added.length === mostAdded) this.merge();
  }

  delete(key: string): void {
    if (!this.byKey.delete(key)) return;
    this.merge();
    this.order.splice(this.position(key), 1);
  }

  clear(): void {
    this.byKey.clear();
    this.order = [];
    this.added = [];
  }

  /** Returns entries in order, as many as asked for, beginning with the first whose key is not before `from`. */
  from(from: string, most: number): Entry[] {
    this.merge();
    const start = this.position(from);
    return this.order.slice(start, start + most).map((key) => this.byKey.get(key)!);
  }

  /** Puts the keys that were added in their places. */
  private merge(): void {
    const { order, added } = this;
    if (added.length === 0) return;
    added.sort();
    this.added = [];
    if (added.length === 1) {
      order.splice(this.position(added[0]!), 0, added[0]!);
      return;
    }
    const merged: string[] = [];
    let next = 0;
    for (const key of order) {
      while (next < added.length && added[next]! < key) merged.push(added[next++]!);
      merged.push(key);
    }
    while (next < added.length) merged.push(added[next++]!);
    this.order = merged;
  }

  /** Returns the place of the first ordered key that is not before a key. */
  private position(key: string): number {
    let [low, high] = [0, this.order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.order[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
