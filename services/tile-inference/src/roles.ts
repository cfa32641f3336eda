import type { TileInferenceServiceService } from '@hyperswap/proto';
import type { Role } from '@hyperswap/rpc';

/** What each method needs, where tokens are asked for. */
export const methodRoles = {
  classifyTiles: 'reader',
  classifyScene: 'reader',
  watchSceneJob: 'reader',
  cancelSceneJob: 'reader',
  listSceneJobs: 'reader',
  predict: 'reader',
  registerAdapter: 'trainer',
  listAdapters: 'reader',
  getAdapter: 'reader',
  exportAdapter: 'reader',
  setAlias: 'operator',
  retireAdapter: 'operator',
  pinAdapter: 'operator',
  collectAdapters: 'operator',
  watchAdapters: 'reader',
  getStatus: 'reader',
} as const satisfies Record<keyof typeof TileInferenceServiceService, Role>;
