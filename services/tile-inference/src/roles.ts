import type {
  AdapterServiceService,
  openInference,
  SceneJobServiceService,
  TileServiceService,
} from '@hyperswap/proto';
import type { Role } from '@hyperswap/rpc';

/** Role that each method of the tile service needs, where tokens are asked for. */
export const tileRoles = {
  classifyTiles: 'reader',
  predict: 'reader',
  getStatus: 'reader',
} as const satisfies Record<keyof typeof TileServiceService, Role>;

/** Role that each method of the scene job service needs. */
export const sceneJobRoles = {
  classifyScene: 'reader',
  watchSceneJob: 'reader',
  cancelSceneJob: 'reader',
  listSceneJobs: 'reader',
  readMap: 'reader',
  compareMaps: 'reader',
} as const satisfies Record<keyof typeof SceneJobServiceService, Role>;

/** Role that each method of the adapter service needs. */
export const adapterRoles = {
  registerAdapter: 'trainer',
  listAdapters: 'reader',
  getAdapter: 'reader',
  exportAdapter: 'reader',
  setAlias: 'operator',
  retireAdapter: 'operator',
  pinAdapter: 'operator',
  collectAdapters: 'operator',
  watchAdapters: 'reader',
} as const satisfies Record<keyof typeof AdapterServiceService, Role>;

/** Role that each method of the Open Inference Protocol needs. */
export const inferenceRoles = {
  serverLive: 'reader',
  serverReady: 'reader',
  modelReady: 'reader',
  serverMetadata: 'reader',
  modelMetadata: 'reader',
  modelInfer: 'reader',
  modelStreamInfer: 'reader',
  modelConfig: 'reader',
  modelStatistics: 'reader',
  repositoryIndex: 'reader',
  repositoryModelLoad: 'operator',
  repositoryModelUnload: 'operator',
} as const satisfies Record<keyof typeof openInference.GRPCInferenceServiceService, Role>;
