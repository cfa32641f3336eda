/**
 * Interface of rivals: networks of other papers that train from scratch on all bands of a scene. Everything here runs
 * in the executor's thread. The caller reads the bands, keeps the checkpoints and measures the result.
 */
import type { PrecisionChoice } from '@hyperswap/spectralgpt';
import type { MethodContext, TrainingCheckpoint } from '@hyperswap/tensor';

/** Report after each step, by `MethodContext.progress`. */
export interface RivalProgress {
  readonly stage: 'weights' | 'features' | 'head' | 'training';
  /** From 1; 0 outside of the training itself. */
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Mean over the last completed epoch. */
  readonly loss: number | undefined;
  readonly checkpoint?: TrainingCheckpoint;
}

/** Arguments that all rivals take. */
export interface RivalArguments {
  readonly bands: number;
  readonly classes: number;
  /** Number of epochs; undefined for the rival's own. */
  readonly epochs: number | undefined;
  readonly seed: number;
  /** Checkpoint of an earlier run with the same arguments. */
  readonly resumed: TrainingCheckpoint | undefined;
}

/** Classes of pixels. */
export interface RivalPrediction {
  /** Class of each pixel, from 1. */
  readonly labels: Uint8Array;
  /** Probability of every class, `[pixels, classes]`. */
  readonly probabilities: Float32Array;
}

/** Training of a rival that sees windows. */
export interface WindowArguments extends RivalArguments {
  /** Windows around the training pixels, `[pixels, side, side, bands]`. */
  readonly windows: Float32Array;
  /** Side of a window in pixels, odd. */
  readonly side: number;
  /** Class of each training pixel, from 1. */
  readonly labels: Uint8Array;
}

/** A trained rival that classifies any pixel by its window. */
export interface WindowClassifier {
  /** Number of learned values. */
  readonly parameters: number;
  /** @param windows `[pixels, side, side, bands]` */
  classify(windows: Float32Array): RivalPrediction;
  dispose(): void;
}

/** Labelled pixels as row · width + column, with their classes from 1. */
export interface LabelledScenePixels {
  readonly pixels: readonly number[];
  readonly labels: Uint8Array;
}

/** A scene and its training pixels. */
interface TrainingScene extends RivalArguments {
  readonly height: number;
  readonly width: number;
  /** Values of all pixels, `[height, width, bands]`. */
  readonly values: Float32Array;
  /** 1 for pixels with data, `[height, width]`. */
  readonly valid: Uint8Array;
  readonly training: LabelledScenePixels;
}

/** Training of a rival that sees windows of the scene's components. */
export interface ComponentsArguments extends TrainingScene {
  readonly precision: PrecisionChoice;
  /** Folder of the rival's released weights; empty for random weights. */
  readonly weights: string;
  /** The rival's own settings, which `checkSettings` accepts. */
  readonly settings: Readonly<Record<string, string>>;
}

/** A trained rival that classifies pixels of the scene that it was trained on. */
export interface PixelClassifier {
  /** Number of learned values. */
  readonly parameters: number;
  readonly lossByEpoch: readonly number[];
  /** Sentence that every result has to show; undefined for none. */
  readonly note: string | undefined;
  /** @param pixels as row · width + column @throws CANCELLED */
  classify(pixels: readonly number[], context: MethodContext): Promise<RivalPrediction>;
  dispose(): void;
}

/** Training of a rival that sees the whole scene. */
export interface SceneArguments extends TrainingScene {
  /** Pixels that choose the epoch; undefined to keep the last epoch. */
  readonly validation: LabelledScenePixels | undefined;
}

/** Result of a rival that sees the whole scene. */
export interface SceneResult {
  /** Number of learned values. */
  readonly parameters: number;
  /** Prediction for all pixels of the scene, `[height · width]`. */
  readonly prediction: RivalPrediction;
  readonly lossByEpoch: readonly number[];
  /** Overall accuracy on the validation pixels after each epoch, where there are any. */
  readonly accuracyByEpoch: readonly number[];
}

interface Named {
  readonly name: string;
  readonly description: string;
}

/** Rival that sees a square window around each pixel. */
export interface WindowRival extends Named {
  readonly sees: 'windows';
  /** Side of the window in pixels. */
  readonly side: number;
  /** @throws TRAINING_DIVERGED, CANCELLED */
  fit(args: WindowArguments, context: MethodContext): Promise<WindowClassifier>;
}

/** Rival that sees the whole scene, and so the spectra of the test pixels. */
export interface SceneRival extends Named {
  readonly sees: 'scene';
  /** Share of the training pixels of each class that choose the epoch. */
  readonly validation: number;
  /** @throws TRAINING_DIVERGED, CANCELLED */
  fit(args: SceneArguments, context: MethodContext): Promise<SceneResult>;
}

/**
 * Rival that sees a square window of the scene's principal components around each pixel. They are fitted on all pixels
 * with data, without labels: of the test pixels' spectra it sees no more.
 */
export interface ComponentsRival extends Named {
  readonly sees: 'components';
  /** Side of the window in pixels. */
  readonly side: number;
  /** Number of components; the scene needs as many bands. */
  readonly components: number;
  /** Checks settings besides `epochs`. @throws FIELD_INVALID, METHOD_UNKNOWN, METHOD_SETTINGS */
  checkSettings(settings: Readonly<Record<string, string>>): void;
  /** @throws TRAINING_DIVERGED, CANCELLED */
  fit(args: ComponentsArguments, context: MethodContext): Promise<PixelClassifier>;
}

export type Rival = WindowRival | SceneRival | ComponentsRival;
