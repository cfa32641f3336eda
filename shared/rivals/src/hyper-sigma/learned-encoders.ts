/** Encoders with learned parameters: factors of an adaptation method on frozen layers, or all parameters. */
import { adaptationShapes, adaptedParameters, initialFactors, type Adaptation } from '@hyperswap/peft';
import { foldLayer, keepLayer, releaseLayer, Weights, type AnyLayer } from '@hyperswap/spectralgpt';
import {
  makeVariable,
  tensorflow,
  type DeviceLinear,
  type FloatPrecision,
  type Tensor,
  type Tensor2D,
  type Tensor4D,
  type Variable,
} from '@hyperswap/tensor';
import { allEncoderShapes } from './encoder-values.js';
import { learningFeatures, type LearningEncoder } from './features.js';
import type { OwnedEncoders } from './frozen-encoders.js';
import type { HyperSigmaSize } from './size.js';

export interface LearnedEncoders {
  readonly variables: ReadonlyMap<string, Variable>;
  /** Factor on the learning rate, by the variable's own name; 1 if there is none. */
  readonly rateFactors: ReadonlyMap<string, number>;
  /**
   * Computes features of windows `[windows, side, side, components]` with a gradient. Call it in a device scope that
   * stays open until the gradient was computed.
   */
  features(windows: Tensor4D): Tensor2D;
  /** Returns the values of the parameters that learned, by their names. */
  learnedValues(): ReadonlyMap<string, Float32Array>;
  dispose(): void;
}

/** Adds the factors of a method to frozen encoders, which keep the adapted projections in float32. */
export function adaptedEncoders(adaptation: Adaptation, encoders: OwnedEncoders, seed: number): LearnedEncoders {
  const tf = tensorflow();
  const { size, precision, weights, blocks } = encoders;
  const sizes = { width: size.width, depth: blocks.spatial.length + blocks.spectral.length };
  const variables = new Map(
    [...initialFactors(adaptation, sizes, seed)].map(([name, value]) => [name, makeVariable(name, value)]),
  );
  const rateFactors = new Map<string, number>();
  for (const [name, { boosted }] of adaptationShapes(adaptation, sizes)) {
    if (boosted) rateFactors.set(variables.get(name)!.name, adaptation.settings.lambda);
  }
  const changes = () => adaptedParameters(adaptation, variables, sizes, weights);
  const preciseLayers = new Map<string, DeviceLinear>();
  /** Returns a frozen layer in float32, for updates to be merged into. */
  const precise = (block: string, layer: AnyLayer): DeviceLinear => {
    const key = `${block}.${layer}`;
    const known = preciseLayers.get(key);
    if (known !== undefined) return known;
    const kept = keepLayer(foldLayer(weights, block, layer, size.width / size.heads), 'float32');
    preciseLayers.set(key, kept);
    return kept;
  };
  return {
    variables,
    rateFactors,
    features: (windows) => {
      const { replaced, updates } = changes();
      const learned = new Set(replaced.keys());
      const partly: LearningEncoder = (encoder, first, depth) => ({
        ...{ learned, updates },
        frozen: blocks[encoder].slice(first, first + depth),
        precise: (block, layer) => precise(`${encoder}.blocks.${first + block}`, layer),
      });
      return learningFeatures(windows, weights.replacing(replaced), size, precision, partly);
    },
    learnedValues: () => {
      const values = new Map<string, Float32Array>();
      tf.tidy(() => {
        const { replaced, updates } = changes();
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
      tf.dispose([...variables.values()]);
      for (const layer of preciseLayers.values()) releaseLayer(layer);
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
