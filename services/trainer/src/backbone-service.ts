import { BackboneServiceService, ListBackbonesResponse, type BackboneServiceServer } from '@hyperswap/proto';
import type { Backbones } from '@hyperswap/registry';
import {
  clientStreamHandler,
  pageOf,
  serverStreamHandler,
  toErrorStatus,
  unaryHandler,
  type HostedService,
} from '@hyperswap/rpc';
import { importBackbone, toBackboneMessage } from './backbone-calls.js';
import { exportBackbone } from './export-backbone.js';
import { backboneRoles } from './roles.js';

/** Returns the service that stores backbones. @param usual default backbone of requests that name none */
export function createBackboneService(backbones: Backbones, usual: string): HostedService {
  const implementation: BackboneServiceServer = {
    importBackbone: clientStreamHandler((requests) => importBackbone(backbones, requests)),
    exportBackbone: serverStreamHandler(({ backbone }) => exportBackbone(backbones, backbone || usual)),
    listBackbones: unaryHandler(async (request) => {
      const listing = {
        keyOf: (name: string) => name,
        toMessage: async (name: string): Promise<ListBackbonesResponse> => {
          const { described, damaged } = await backbones.describeAll([name]);
          return {
            backbones: described.map(toBackboneMessage),
            damaged: damaged.map(({ error }) => ({ name, error: toErrorStatus(error) })),
            nextPageToken: '',
          };
        },
        codec: ListBackbonesResponse,
      };
      const { page, nextPageToken } = await pageOf(await backbones.names(), listing, request);
      return {
        backbones: page.flatMap((one) => one.backbones),
        damaged: page.flatMap((one) => one.damaged),
        nextPageToken,
      };
    }),
    getBackbone: unaryHandler(async ({ backbone }) => ({
      backbone: toBackboneMessage(await backbones.describe(backbone || usual)),
    })),
  };
  return {
    name: 'hyperswap.v1.BackboneService',
    definition: BackboneServiceService,
    implementation: { ...implementation },
    roles: backboneRoles,
  };
}
