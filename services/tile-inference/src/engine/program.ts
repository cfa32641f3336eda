/**
 * Program of tile-inference in the executor's worker. It holds bindings and open tiles; from tile to labels, all data
 * stays on the device.
 */
import type { Binding } from '@hyperswap/adapter';
import {
  featuresInSteps,
  imageTokens,
  learningPrecision,
  lendResident,
  limitResidents,
  makeServable,
  residentBackbone,
  returnResident,
  servingPrecision,
  unheldBytes,
  type Backbone,
  type PrecisionChoice,
  type Residence,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import {
  finishLettingUrgentPass,
  Moved,
  tensorflow,
  type MethodContext,
  type Precision,
  type Steps,
  type Tensor2D,
} from '@hyperswap/tensor';
import { bind, unbind, using, usingAll } from './bound-adapters.js';
import { classifyBatch, type ClassifyArguments } from './classify-batch.js';
import { closeTile } from './open-tiles.js';

/** Rows of patches, a step a block of the backbone: logits of a binding, or without one the features. */
function* predictRows(images: Float32Array, resident: ResidentBackbone, binding: Binding | undefined): Steps<Tensor2D> {
  const pixels = tensorflow().tidy(() => imageTokens(images, resident.backbone.config));
  try {
    return yield* binding === undefined ? featuresInSteps(pixels, resident) : binding.logitsOfTokensInSteps(pixels);
  } finally {
    pixels.dispose();
  }
}

const program = {
  /** Resolves a precision for a backbone without a measured int8 error. @throws FIELD_INVALID */
  precisionOf({ choice }: { choice: PrecisionChoice }): Precision {
    return choice === 'auto' ? learningPrecision(choice) : servingPrecision(choice);
  },

  /** Sets the memory of backbones that are not held. */
  limitBackbones({ bytes }: { bytes: number }): void {
    limitResidents(bytes);
  },

  /** Returns the memory of backbones that are not held. */
  backboneBytes(): number {
    return unheldBytes();
  },

  /**
   * Loans a backbone until it is returned. Batches run between the blocks of a load.
   *
   * @returns false when it is not there, and none is given
   */
  async lendBackbone({ digest, precision, backbone }: LendArguments, context: MethodContext): Promise<boolean> {
    return lendResident(digest, precision, backbone, () => context.pause());
  },

  returnBackbone({ digest, precision }: Pick<LendArguments, 'digest' | 'precision'>): void {
    returnResident(digest, precision);
  },

  /**
   * Holds a backbone to serve. `auto` takes another precision than int8 when that errs too much on this backbone.
   *
   * @throws FIELD_INVALID
   */
  makeResident({ backbone, precision: choice }: { backbone: Backbone; precision: PrecisionChoice }): Residence {
    return makeServable(backbone, choice);
  },

  bind,

  unbind,

  /**
   * Logits of a bound adapter, or without one the pooled, normalised features. Urgent calls pass between blocks.
   *
   * @returns row by row, `[patches, classes]` or `[patches, width]`
   */
  async predict({ images, backboneDigest, precision, adapter }: PredictArguments, context: MethodContext) {
    // The backbone stays loaded until the call ends, even if the loan ends earlier.
    await lendResident(backboneDigest, precision, undefined, () => context.pause());
    try {
      const resident = residentBackbone(backboneDigest, precision);
      const run = (binding?: Binding): Promise<Tensor2D> =>
        finishLettingUrgentPass(predictRows(images, resident, binding), context, 'Predicting a batch');
      const rows = await (adapter === undefined ? run() : using(adapter, run));
      const values = rows.dataSync() as Float32Array;
      const [, columns] = rows.shape;
      rows.dispose();
      return new Moved({ columns, values }, [values.buffer]);
    } finally {
      returnResident(backboneDigest, precision);
    }
  },

  /** Frees a tile that is not to be classified to its end. */
  closeTile({ key }: { key: number }): void {
    closeTile(key);
  },

  /**
   * Classifies one batch: segments of any number of tiles, of adapters for which the backbone does the same. A tile
   * whose last pixels it takes is closed, so that nothing of it is left when its labels are there. Urgent calls, such
   * as binding another adapter, pass between blocks.
   */
  async classify(args: ClassifyArguments, context: MethodContext) {
    return usingAll([...new Set(args.segments.map(({ digest }) => digest))], async () => {
      const result = await finishLettingUrgentPass(classifyBatch(args), context, 'Classifying a batch');
      const { labels, confidence, probabilities, logits } = result;
      return new Moved(result, [labels.buffer, confidence.buffer, probabilities.buffer, logits.buffer]);
    });
  },
};

export interface LendArguments {
  readonly digest: string;
  readonly precision: Precision;
  /** Backbone to load; undefined to loan it only if it is loaded already. */
  readonly backbone: Backbone | undefined;
}

export interface PredictArguments {
  /** `[patches, components, side, side]` */
  readonly images: Float32Array;
  readonly backboneDigest: string;
  readonly precision: Precision;
  /** Name of its binding. */
  readonly adapter: string | undefined;
}

export type TileProgram = typeof program;
export default program;
