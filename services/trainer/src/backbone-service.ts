import { BackboneServiceService, type BackboneServiceServer } from '@hyperswap/proto';
import { listBackbones } from '@hyperswap/registry';
import { clientStreamHandler, pageOf, serverStreamHandler, unaryHandler, type HostedService } from '@hyperswap/rpc';
import type { ObjectStore } from '@hyperswap/storage';
import { getBackbone, importBackbone } from './backbone-calls.js';
import { exportBackbone } from './export-backbone.js';
import { backboneRoles } from './roles.js';

/** Returns the service that keeps backbones. @param usual name of the backbone of requests that name none */
export function createBackboneService(store: ObjectStore, usual: string): HostedService {
  const implementation: BackboneServiceServer = {
    importBackbone: clientStreamHandler((requests) => importBackbone(store, requests)),
    exportBackbone: serverStreamHandler(({ backbone }) => exportBackbone(store, backbone || usual)),
    listBackbones: unaryHandler(async (request) => {
      const { page, nextPageToken } = pageOf(await listBackbones(store), (name) => name, request);
      const backbones = await Promise.all(page.map((name) => getBackbone(store, name)));
      return { backbones, nextPageToken };
    }),
    getBackbone: unaryHandler(async ({ backbone }) => ({ backbone: await getBackbone(store, backbone || usual) })),
  };
  return {
    name: 'hyperswap.v1.BackboneService',
    definition: BackboneServiceService,
    implementation: { ...implementation },
    roles: backboneRoles,
  };
}
