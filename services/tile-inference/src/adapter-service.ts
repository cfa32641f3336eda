import { AdapterServiceService, type AdapterServiceServer } from '@hyperswap/proto';
import { toAdapterVersion, type AdapterRegistry } from '@hyperswap/registry';
import {
  clientStreamHandler,
  serverStreamHandler,
  unaryHandler,
  watchHandler,
  type HostedService,
} from '@hyperswap/rpc';
import type { BindingTable } from './binding-table.js';
import { exportAdapter, listAdapters, registerAdapter, watchAdapters } from './registry-calls.js';
import { adapterRoles } from './roles.js';

/** Returns the service that registers adapters, and names, pins and retires their versions. */
export function createAdapterService(registry: AdapterRegistry, bindings: BindingTable): HostedService {
  const implementation: AdapterServiceServer = {
    registerAdapter: clientStreamHandler((requests) => registerAdapter(registry, requests)),
    listAdapters: unaryHandler((request) => listAdapters(registry, request)),
    getAdapter: unaryHandler(async ({ adapter }) => ({ adapter: toAdapterVersion(await registry.resolve(adapter)) })),
    exportAdapter: serverStreamHandler((request) => exportAdapter(registry, request)),
    setAlias: unaryHandler(async ({ adapter, alias }, { signal }) => {
      // The version is bound first: no tile of the alias waits for a load, and a version that cannot be bound never
      // gets the alias.
      bindings.release(await bindings.acquire(await bindings.admit(adapter), signal));
      return { adapter: toAdapterVersion(await registry.setAlias(adapter, alias)) };
    }),
    retireAdapter: unaryHandler(async ({ adapter, undo }) => ({
      adapter: toAdapterVersion(await registry.setRetired(adapter, !undo)),
    })),
    pinAdapter: unaryHandler(async ({ adapter, undo }) => ({
      adapter: toAdapterVersion(await registry.setPinned(adapter, !undo)),
    })),
    collectAdapters: unaryHandler(async () => ({ adapters: await registry.collectGarbage() })),
    watchAdapters: watchHandler((_, { signal }) => watchAdapters(registry, signal)),
  };
  return {
    name: 'hyperswap.v1.AdapterService',
    definition: AdapterServiceService,
    implementation: { ...implementation },
    roles: adapterRoles,
  };
}
