import type { SceneServiceService } from '@hyperswap/proto';
import type { Role } from '@hyperswap/rpc';

/** Role that each method needs, where tokens are asked for. */
export const sceneRoles = {
  prepareScene: 'trainer',
  describeSceneSource: 'trainer',
  watchPreparation: 'reader',
  cancelPreparation: 'trainer',
  listPreparations: 'reader',
  listScenes: 'reader',
  getScene: 'reader',
  deleteScene: 'operator',
  readLabels: 'reader',
  saveLabels: 'trainer',
  getPca: 'reader',
  streamPatches: 'reader',
  streamTiles: 'reader',
  readBands: 'reader',
  readLookupTable: 'reader',
} as const satisfies Record<keyof typeof SceneServiceService, Role>;
