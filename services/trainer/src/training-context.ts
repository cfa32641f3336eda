import type { NamedKey } from '@hyperswap/keys';
import type { AdapterRegistry, Backbones } from '@hyperswap/registry';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';
import type { ProgramClient } from '@hyperswap/tensor';
import type { TrainerProgram } from './engine/program.js';
import type { SceneSource } from './scene-source.js';
import type { TrainingProgress } from './training-progress.js';

/** What a training works with. */
export interface TrainingContext {
  readonly store: ObjectStore;
  readonly registry: AdapterRegistry;
  readonly backbones: Backbones;
  readonly engine: ProgramClient<TrainerProgram>;
  readonly scenes: SceneSource;
  /** Signs what is published. */
  readonly signingKey: NamedKey | undefined;
  /** What backbones run in. */
  readonly precision: PrecisionChoice;
  /** Whether an earlier attempt of the same training may have left a checkpoint, to go on from. */
  readonly isRepeated: boolean;
  readonly signal: AbortSignal;
  readonly report: (progress: TrainingProgress) => void;
}
