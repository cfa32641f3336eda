import type { PreprocessingServiceService } from '@hyperswap/proto';
import type { Role } from '@hyperswap/rpc';

/** What each method needs, where tokens are asked for. */
export const methodRoles = {
  prepareScene: 'trainer',
  listScenes: 'reader',
  getScene: 'reader',
  deleteScene: 'operator',
  getLabels: 'reader',
  getPca: 'reader',
  streamPatches: 'reader',
  streamTiles: 'reader',
} as const satisfies Record<keyof typeof PreprocessingServiceService, Role>;
