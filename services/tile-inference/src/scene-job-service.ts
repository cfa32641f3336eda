import { SceneJobServiceService, type SceneJobServiceServer } from '@hyperswap/proto';
import { serverStreamHandler, unaryHandler, watchHandler, type HostedService } from '@hyperswap/rpc';
import { compareMaps } from './compare-maps.js';
import { readMap } from './read-map.js';
import { sceneJobRoles } from './roles.js';
import type { SceneJobs } from './scene-jobs.js';

/** Returns the service that classifies whole scenes, and reads and compares their maps. */
export function createSceneJobService(jobs: SceneJobs): HostedService {
  const implementation: SceneJobServiceServer = {
    classifyScene: serverStreamHandler((request, call) => jobs.classify(request, call)),
    watchSceneJob: watchHandler(({ job }, call) => jobs.watch(job, call)),
    cancelSceneJob: unaryHandler(async ({ job }) => {
      await jobs.cancel(job);
      return {};
    }),
    listSceneJobs: unaryHandler((request) => jobs.list(request)),
    readMap: serverStreamHandler((request, call) => readMap(jobs, request, call)),
    compareMaps: unaryHandler((request, call) => compareMaps(jobs, request, call)),
  };
  return {
    name: 'hyperswap.v1.SceneJobService',
    definition: SceneJobServiceService,
    implementation: { ...implementation },
    roles: sceneJobRoles,
  };
}
