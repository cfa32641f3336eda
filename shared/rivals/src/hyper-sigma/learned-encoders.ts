/** Encoders with learned parameters: factors of an adaptation method on frozen layers, or all parameters. */
import { learnedFactors, type Adaptation, type LearnedParameters } from '@hyperswap/peft';
import { PreciseLayers, Weights } from '@hyperswap/spectralgpt';
import {
  makeVariable,
  tensorflow,
  type FloatPrecision,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
} from '@hyperswap/tensor';
import { learningFeatures, type LearningEncoder } from './features.js';
import type { OwnedEncoders } from './frozen-encoders.js';
import { allEncoderShapes } from './parameters.js';
import type { HyperSigmaSize } from './size.js';

export interface LearnedEncoders extends Pick<LearnedParameters, 'variables' | 'rateFactors' | 'dispose'> {
  /**
   * Computes features of windows `[windows, side, side, components]` with a gradient. Call it in a device scope that
   * stays open until the gradient was computed.
   */
  features(windows: Tensor4D): Tensor2D;
  /** Returns the values of the parameters that learned, by their names. */
  learnedValues(): ReadonlyMap<string, Float32Array>;
}

/** Adds the factors of a method to frozen encoders, which keep the adapted projections in float32. */
export function adaptedEncoders(adaptation: Adaptation, encoders: OwnedEncoders, seed: number): LearnedEncoders {
  const tf = tensorflow();
  const { size, precision, weights, blocks } = encoders;
  const sizes = { width: size.width, depth: blocks.spatial.length + blocks.spectral.length };
  const factors = learnedFactors(adaptation, sizes, weights, seed);
  const precise = new PreciseLayers(weights, size.width / size.heads);
  return {
    variables: factors.variables,
    rateFactors: factors.rateFactors,
    features: (windows) => {
      const { replaced, updates } = factors.changes();
      const learned = new Set(replaced.keys());
      const partly: LearningEncoder = (encoder, first, depth) => ({
        ...{ learned, updates },
        frozen: blocks[encoder].slice(first, first + depth),
        precise: (block, layer) => precise.get(`${encoder}.blocks.${first + block}`, layer),
      });
      return learningFeatures(windows, weights.replacing(replaced), size, precision, partly);
    },
    learnedValues: () => {
      const values = new Map<string, Float32Array>();
      tf.tidy(() => {
        const { replaced, updates } = factors.changes();
        for (const [name, tensor] of replaced) values.set(name, tensor.dataSync() as Float32Array);
        for (const [name, { left, right }] of updates) {
          const key = `${name}.weight`;
          const weight = replaced.get(key) ?? weights.get(key);
          values.set(key, tf.add<Tensor>(weight, tf.matMul(left, right)).dataSync() as Float32Array);
        }
      });
      return values;
    },
    dispose: () => {
      factors.dispose();
      precise.dispose();
    },
  };
}

/** Makes every parameter of both encoders a variable. @param valuesOf a parameter, by its name */
export function wholeEncoders(
  size: HyperSigmaSize,
  precision: FloatPrecision,
  valuesOf: (name: string) => Float32Array,
): LearnedEncoders {
  const variables = new Map(
    [...allEncoderShapes(size)].map(([name, shape]) => [name, makeVariable(name, { shape, values: valuesOf(name) })]),
  );
  return {
    variables,
    rateFactors: new Map(),
    features: (windows) => learningFeatures(windows, new Weights(variables), size, precision),
    learnedValues: () => new Map([...variables].map(([name, variable]) => [name, variable.dataSync() as Float32Array])),
    dispose: () => tensorflow().dispose([...variables.values()]),
  };
}
