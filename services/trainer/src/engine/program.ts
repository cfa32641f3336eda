/** The trainer's program in the executor's worker. */
import { Binding, readAdapter } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import { makeResident, residentBackbone, type Backbone, type PrecisionChoice } from '@hyperswap/spectralgpt';
import { tensorflow, type Precision, type Tensor2D } from '@hyperswap/tensor';
import { pretrain } from './pretrain.js';
import { train } from './train.js';

/** Adapters under evaluation, by the name the caller gave. */
const bindings = new Map<string, Binding>();

const program = {
  makeResident({ backbone, precision }: { backbone: Backbone; precision: PrecisionChoice }): Precision {
    return makeResident(backbone, precision);
  },

  pretrain,

  train,

  /** Makes an adapter ready to be evaluated. */
  bind({ name, blob, backboneDigest, precision }: BindArguments): void {
    bindings.set(name, new Binding(name, readAdapter(name, blob), residentBackbone(backboneDigest, precision)));
  },

  unbind({ name }: { name: string }): void {
    bindings.get(name)?.dispose();
    bindings.delete(name);
  },

  /** Class of each patch, from 1. @param scores `[patches, patchSize, patchSize, components]` */
  classify({ name, scores, components }: { name: string; scores: Float32Array; components: number }): Uint8Array {
    const tf = tensorflow();
    const binding = bindings.get(name);
    if (binding === undefined) throw failure('INTERNAL', { reason: `adapter ${name} is not bound` });
    const patches: Tensor2D = tf.tidy(() =>
      binding.fromScores(tf.tensor2d(scores, [scores.length / components, components])),
    );
    try {
      return binding.classify(patches).labels;
    } finally {
      patches.dispose();
    }
  },
};

export interface BindArguments {
  readonly name: string;
  readonly blob: Uint8Array;
  readonly backboneDigest: string;
  readonly precision: Precision;
}

export type TrainerProgram = typeof program;
export default program;
