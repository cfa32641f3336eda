import type { ObjectStore } from '@hyperswap/storage';

/**
 * Wraps a store and records reads.
 *
 * @returns the store, and the keys of whole objects in the order they were read
 */
export function notingReads(store: ObjectStore): { readonly store: ObjectStore; readonly reads: string[] } {
  const reads: string[] = [];
  const noting = new Proxy(store, {
    get(target, property): unknown {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        if (property === 'get' || property === 'getFile' || property === 'getRange') reads.push(String(args[0]));
        return (value as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { store: noting, reads };
}
