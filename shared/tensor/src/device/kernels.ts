/** Choice of the kernels and the number format that run fastest on this machine, measured once. */
import { usesGpu } from '../tensorflow.js';
import { rememberedSpeeds, type FloatPrecision, type KernelSpeeds, type Precision } from './kernel-measurements.js';
import { deviceScope, deviceTensor, type DeviceTensor } from './device-tensor.js';
import { linear, useFusedLayers, type DeviceLinear } from './linear.js';
import { cast } from './operations.js';
import { hasBf16Dot, packBf16, packedBlock, packInt8 } from './packed-block.js';
import { prefersPackedBfloat16, processorFlags } from './processor-flags.js';
import { useRowKernels } from './row-operations.js';

export { isPacked } from './kernel-measurements.js';
export type { FloatPrecision, KernelSpeeds, NumberFormat, PackedPrecision, Precision } from './kernel-measurements.js';

export interface Kernels {
  /** True if the product's kernel also computes bias, activation and residual. */
  readonly fused: boolean;
  /** Default precision of a backbone that learns. */
  readonly precision: FloatPrecision;
  /** Fastest precision of a backbone that serves, and the fastest without int8. */
  readonly serving: Precision;
  readonly servingFloat: Exclude<Precision, 'int8'>;
  /** Layout of a backbone that serves in bfloat16, by the instructions of the processor. */
  readonly servingBfloat16: 'bfloat16' | 'packed-bfloat16';
  readonly speeds: KernelSpeeds;
}

/**
 * A block of the base backbone for two patches: runs of some milliseconds, so that other work does not delay all of
 * them.
 */
const { patches, tokens, width, heads, hidden } = { patches: 2, tokens: 64, width: 768, heads: 12, hidden: 3072 };
/** Other work on the machine can slow down single runs, so the fastest of several counts. */
const rounds = 50;
/** Speed-up that bfloat16 needs over float32, and int8 over either, to be chosen, because they round. */
const worthRounding = 1.15;
const worthQuantising = 1.3;

let chosen: Kernels | undefined;

/** Tells that layers run by TensorFlow's public ops alone, as on a GPU. */
function publicOpsOnly(): boolean {
  return usesGpu() || process.env.HYPERSWAP_KERNELS === 'public';
}

/**
 * Chooses the kernels. The first process on a machine measures for a few seconds: a layer by public ops and by oneDNN's
 * fused op, in float32 and in bfloat16, and a block by our own kernels. Later processes reuse that result, so that all
 * of them compute the same to the last bit. A GPU uses the public ops and depends neither on oneDNN nor on our kernels;
 * `HYPERSWAP_KERNELS=public` does the same on a processor.
 */
export function chooseKernels(): Kernels {
  if (chosen !== undefined) return chosen;
  const isPublic = publicOpsOnly();
  useRowKernels(!isPublic);
  const speeds = rememberedSpeeds(() => deviceScope(measure));
  const usable = isPublic ? { plain: speeds.plain, fused: { float32: 0, bfloat16: 0 } } : speeds;
  const best = (precision: FloatPrecision): number => Math.max(usable.plain[precision], usable.fused[precision]);
  const precision = best('bfloat16') > worthRounding * best('float32') ? 'bfloat16' : 'float32';
  const fused = usable.fused[precision] >= 0.9 * usable.plain[precision];
  useFusedLayers(fused);
  const packs = !isPublic && prefersPackedBfloat16(processorFlags()) && hasBf16Dot();
  const servingBfloat16 = packs ? 'packed-bfloat16' : 'bfloat16';
  const bfloat16 = packs ? Math.max(speeds.packedBlock, best('bfloat16')) : best('bfloat16');
  const isRounded = bfloat16 > worthRounding * best('float32');
  const servingFloat = isRounded ? servingBfloat16 : 'float32';
  const isQuantised = !isPublic && speeds.int8 > worthQuantising * (isRounded ? bfloat16 : best('float32'));
  const serving = isQuantised ? 'int8' : servingFloat;
  chosen = { fused, precision, serving, servingFloat, servingBfloat16, speeds };
  return chosen;
}

/** One candidate: its work, and the operations of one run. */
interface Candidate {
  readonly run: () => unknown;
  readonly operations: number;
}

/** Measures all candidates in turns, so that other work on the machine slows down all of them alike. */
function measure(): KernelSpeeds {
  const cpu = !usesGpu();
  const layer = { plain: layerCandidates(false), fused: layerCandidates(true) };
  const candidates: readonly (Candidate | undefined)[] = [
    layer.plain.float32,
    layer.plain.bfloat16,
    cpu ? layer.fused.float32 : undefined,
    cpu ? layer.fused.bfloat16 : undefined,
    cpu ? packedCandidate(packBf16) : undefined,
    cpu ? packedCandidate((layer) => packInt8(layer, filled(tokens, layer.weight.shape[0]!))) : undefined,
  ];
  const fastest = candidates.map(() => Infinity);
  for (let round = 0; round <= rounds; round++) {
    candidates.forEach((candidate, index) => {
      if (candidate !== undefined) fastest[index] = Math.min(fastest[index]!, milliseconds(candidate));
    });
  }
  const speed = (index: number): number => {
    const candidate = candidates[index];
    return candidate === undefined ? 0 : Math.round(candidate.operations / fastest[index]! / 1e6);
  };
  return {
    plain: { float32: speed(0), bfloat16: speed(1) },
    fused: { float32: speed(2), bfloat16: speed(3) },
    packedBlock: speed(4),
    int8: speed(5),
  };
}

/** Duration of one run; infinite if the machine has no such kernel. */
function milliseconds({ run }: Candidate): number {
  const start = performance.now();
  try {
    deviceScope(() => void run());
  } catch {
    return Infinity;
  }
  return performance.now() - start;
}

function filled(...shape: number[]): DeviceTensor {
  return deviceTensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.01), shape);
}

/** The first layer of the perceptron, gelu(x · W + b). */
function layerCandidates(fused: boolean): Readonly<Record<FloatPrecision, Candidate>> {
  const candidate = (precision: FloatPrecision): Candidate => {
    const x = cast(filled(patches * tokens, width), precision);
    const layer = { weight: cast(filled(width, hidden), precision), bias: cast(filled(hidden), precision) };
    const run = (): DeviceTensor => {
      useFusedLayers(fused);
      return linear(x, layer, 'gelu');
    };
    return { run, operations: 2 * patches * tokens * width * hidden };
  };
  return { float32: candidate('float32'), bfloat16: candidate('bfloat16') };
}

/** Operations of the products of a block's layers. */
const blockOperations = 2 * patches * tokens * (4 * width ** 2 + 2 * width * hidden);

/** A whole block by our own kernel. Only the products of its layers count as operations. */
function packedCandidate(pack: (layer: DeviceLinear) => DeviceLinear): Candidate {
  const x = filled(patches * tokens, width);
  const layer = (from: number, to: number): DeviceLinear => pack({ weight: filled(from, to), bias: filled(to) });
  const square = layer(width, width);
  const layers = {
    query: square,
    key: square,
    value: square,
    projection: square,
    first: layer(width, hidden),
    second: layer(hidden, width),
  };
  const shape = { tokens, heads, hidden, epsilon: 1e-6 };
  return { run: () => packedBlock(x, layers, shape), operations: blockOperations };
}
