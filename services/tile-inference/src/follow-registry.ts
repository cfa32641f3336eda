import type { AdapterRegistry } from '@hyperswap/registry';
import type { Logger } from '@hyperswap/telemetry';
import type { BindingTable } from './binding-table.js';
import { Reconciler } from './reconciler.js';

/** Subscription of a pod to the shared state of adapters. */
export interface Follower {
  readonly reconciler: Reconciler;
  readonly stop: () => Promise<void>;
}

/**
 * Reconciles the bindings of this pod with the shared state of adapters: pinned versions, and versions that aliases
 * point at.
 */
export function followRegistry(registry: AdapterRegistry, bindings: BindingTable, logger: Logger): Follower {
  const reconciler = new Reconciler(registry, bindings, logger);
  // A version that an alias points at is bound ahead of its first request, so that a swap is a change of pointer. A pod
  // that serves no version of the name skips this: it would fetch an unused blob, and might evict another binding for
  // it.
  const unwatch = registry.watch((name, { aliases }) => {
    if (!bindings.serves(name)) return;
    for (const alias of Object.keys(aliases)) void bindings.prefetch(`${name}:${alias}`);
  });
  return {
    reconciler,
    stop: async () => {
      unwatch();
      await reconciler.stop();
    },
  };
}
