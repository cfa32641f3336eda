/** Number of added keys before a merge into the sorted keys. A merge costs time for all keys. */
const mostAdded = 4096;

/**
 * Entries in the order of their keys, readable from any key. The cost of a change or a page does not grow with the
 * number of entries.
 */
export class OrderedEntries<Entry extends { readonly key: string }> {
  private readonly byKey = new Map<string, Entry>();
  /** Sorted keys, without the recently added ones. */
  private order: string[] = [];
  private added: string[] = [];

  get(key: string): Entry | undefined {
    return this.byKey.get(key);
  }

  /** Adds or replaces an entry. */
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

  /** Returns a number of entries in order, beginning with the first key that is not before `from`. */
  from(from: string, most: number): Entry[] {
    this.merge();
    const start = this.position(from);
    return this.order.slice(start, start + most).map((key) => this.byKey.get(key)!);
  }

  /** Merges the added keys into the sorted keys. */
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
