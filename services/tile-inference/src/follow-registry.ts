import type { AdapterRegistry } from '@hyperswap/registry';
import type { Logger } from '@hyperswap/telemetry';
import type { BindingTable } from './binding-table.js';
import { Reconciler } from './reconciler.js';

/** A pod's following of the shared state of adapters. */
export interface Follower {
  readonly reconciler: Reconciler;
  readonly stop: () => Promise<void>;
}

/** Keeps the bindings of this pod as the shared state of adapters wants them: what pins ask for, and what aliases point at. */
export function followRegistry(registry: AdapterRegistry, bindings: BindingTable, logger: Logger): Follower {
  const reconciler = new Reconciler(registry, bindings, logger);
  // Versions that an alias points at are made ready before anybody asks, so that a swap is a change of pointer. A pod that serves no version of the
  // name has nothing to swap: it would fetch a blob for nobody, and free another binding for it.
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
