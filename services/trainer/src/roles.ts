import type { BackboneServiceService, TrainingServiceService } from '@hyperswap/proto';
import type { Role } from '@hyperswap/rpc';

/** Role that each method of the training service requires, if tokens are required. */
export const trainingRoles = {
  startTraining: 'trainer',
  checkTrainings: 'trainer',
  previewSplit: 'reader',
  startPretraining: 'trainer',
  watchTraining: 'reader',
  cancelTraining: 'trainer',
  listTrainings: 'reader',
  readPredictions: 'reader',
  summarizeMetrics: 'reader',
  listMethods: 'reader',
  listPresets: 'reader',
} as const satisfies Record<keyof typeof TrainingServiceService, Role>;

/** Role that each method of the backbone service requires. */
export const backboneRoles = {
  importBackbone: 'operator',
  exportBackbone: 'reader',
  listBackbones: 'reader',
  getBackbone: 'reader',
} as const satisfies Record<keyof typeof BackboneServiceService, Role>;
