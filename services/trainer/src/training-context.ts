import type { NamedKey } from '@hyperswap/keys';
import type { AdapterRegistry, Backbones } from '@hyperswap/registry';
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import type { ObjectStore } from '@hyperswap/storage';
import type { ProgramClient } from '@hyperswap/tensor';
import type { TrainerProgram } from './engine/program.js';
import type { SceneSource } from './scene-source.js';
import type { TrainingProgress } from './training-progress.js';

/** Dependencies of a training. */
export interface TrainingContext {
  readonly store: ObjectStore;
  readonly registry: AdapterRegistry;
  readonly backbones: Backbones;
  readonly engine: ProgramClient<TrainerProgram>;
  readonly scenes: SceneSource;
  /** Key that signs published adapters. */
  readonly signingKey: NamedKey | undefined;
  /** Precision of backbones. */
  readonly precision: PrecisionChoice;
  /** Folder of HyperSIGMA's released weights; empty for random weights. */
  readonly hyperSigmaWeights: string;
  /** True if an earlier attempt of the same training may have left a checkpoint to resume from. */
  readonly isRepeated: boolean;
  readonly signal: AbortSignal;
  readonly report: (progress: TrainingProgress) => void;
}
