import type { JobKind } from '@hyperswap/jobs';
import {
  StartPretrainingRequest,
  StartTrainingRequest,
  TrainingProgress,
  WatchTrainingResponse,
  type TrainingProgress as TrainingProgressMessage,
} from '@hyperswap/proto';

/** Queue of trainings and pretrainings. They take turns on a trainer, because either keeps the engine busy. */
const queue = 'training';

/** Training of an adapter, or of a baseline on the same pixels. Its result is the last message to its watchers. */
export const trainingKind: JobKind<StartTrainingRequest, WatchTrainingResponse, TrainingProgressMessage> = {
  name: 'training',
  queue,
  subject: ({ method, scene }) => `${method} on ${scene}`,
  request: StartTrainingRequest,
  result: WatchTrainingResponse,
  progress: TrainingProgress,
};

/** Pretraining of a backbone. */
export const pretrainingKind: JobKind<StartPretrainingRequest, WatchTrainingResponse, TrainingProgressMessage> = {
  name: 'pretraining',
  queue,
  subject: ({ backbone, scenes }) => `${backbone} on ${scenes.length} scenes`,
  request: StartPretrainingRequest,
  result: WatchTrainingResponse,
  progress: TrainingProgress,
};
