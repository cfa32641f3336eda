import type { TrainerServiceService } from '@hyperswap/proto';
import type { Role } from '@hyperswap/rpc';

/** What each method needs, where tokens are asked for. */
export const methodRoles = {
  startTraining: 'trainer',
  startPretraining: 'trainer',
  watchTraining: 'reader',
  cancelTraining: 'trainer',
  listTrainings: 'reader',
  exportBackbone: 'reader',
  importBackbone: 'operator',
  listBackbones: 'reader',
  getBackbone: 'reader',
  listMethods: 'reader',
  listPresets: 'reader',
} as const satisfies Record<keyof typeof TrainerServiceService, Role>;
