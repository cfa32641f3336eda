/** Choice of the kernels and the element type that run fastest on this machine, measured once. */
import { usesGpu } from '../tensorflow.js';
import { rememberedSpeeds, type KernelSpeeds, type Precision } from './kernel-measurements.js';
import { deviceScope, deviceTensor, type DeviceTensor } from './device-tensor.js';
import { linear, useFusedLayers } from './linear.js';
import { cast } from './operations.js';
import { useRowKernels } from './row-operations.js';

export type { KernelSpeeds, Precision } from './kernel-measurements.js';

export interface Kernels {
  /** True if the product's kernel also computes bias, activation and residual. */
  readonly fused: boolean;
  /** Default precision of the backbone. */
  readonly precision: Precision;
  readonly speeds: KernelSpeeds;
}

/** A layer of the base backbone: the first product of its perceptron, for 16 patches. */
const [rows, input, output] = [1024, 768, 3072];
const repetitions = 10;
/** Speed-up that bfloat16 needs over float32 to be chosen, because it rounds. */
const worthRounding = 1.15;

let chosen: Kernels | undefined;

/**
 * Chooses the kernels. The first process on a machine measures for about a second: a layer by public ops and by
 * oneDNN's fused op, in float32 and in bfloat16. Later processes reuse that result, so that all of them compute the
 * same to the last bit. A GPU uses the public ops and does not depend on oneDNN.
 */
export function chooseKernels(): Kernels {
  if (chosen !== undefined) return chosen;
  useRowKernels(!usesGpu());
  const measure = (fused: boolean): Record<Precision, number> => {
    useFusedLayers(fused);
    return { float32: layerSpeed('float32'), bfloat16: layerSpeed('bfloat16') };
  };
  const speeds = rememberedSpeeds(() => ({
    plain: measure(false),
    fused: usesGpu() ? { float32: 0, bfloat16: 0 } : measure(true),
  }));
  const best = (precision: Precision): number => Math.max(speeds.plain[precision], speeds.fused[precision]);
  const precision = best('bfloat16') > worthRounding * best('float32') ? 'bfloat16' : 'float32';
  const fused = speeds.fused[precision] >= 0.9 * speeds.plain[precision];
  useFusedLayers(fused);
  chosen = { fused, precision, speeds };
  return chosen;
}

/** Measures GFLOP/s of gelu(x · W + b); 0 if the machine has no such kernel. */
function layerSpeed(precision: Precision): number {
  try {
    return deviceScope(() => {
      const make = (...shape: number[]): DeviceTensor =>
        cast(deviceTensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.01), shape), precision);
      const x = make(rows, input);
      const layer = { weight: make(input, output), bias: make(output) };
      let fastest = Infinity;
      for (let i = 0; i <= repetitions; i++) {
        const start = performance.now();
        deviceScope(() => void linear(x, layer, 'gelu'));
        fastest = Math.min(fastest, performance.now() - start);
      }
      return Math.round((2 * rows * input * output) / fastest / 1e6);
    });
  } catch {
    return 0;
  }
}
