/** Selective scan of a state-space layer (Gu and Dao 2023, arXiv:2312.00752), with its gate. */
import { tensorflow, type Tensor, type Tensor1D, type Tensor2D, type Tensor3D } from '../tensorflow.js';
import { laneWidth } from './causal-convolution.js';
import { composedScan, composedScanGradient } from './composed-scan.js';
import { borrow, deviceScope, execute, handOver, release } from './device-tensor.js';
import { usesRowKernels } from './row-operations.js';

export interface ScanInputs {
  /** `[sequences, length, channels]`, also the result's shape */
  readonly x: Tensor3D;
  /** Step sizes before softplus, of x's shape. */
  readonly raw: Tensor3D;
  /** `[sequences, length, states]` */
  readonly b: Tensor3D;
  readonly c: Tensor3D;
  /** A = −e^logarithms, `[channels, states]` */
  readonly logarithms: Tensor2D;
  /** D, `[channels]` */
  readonly skip: Tensor1D;
  /** Gate before SiLU, of x's shape. */
  readonly z: Tensor3D;
}

/** States of a channel that the kernel takes. */
const mostStates = 64;

/**
 * Computes h ← e^(Δ A) h + Δ B x and (Σ C h + D x) · silu(z) with Δ = softplus(raw), step by step from h = 0, with a
 * gradient of all inputs. On CPUs it is one op of ours, which keeps a state every 32 steps for the gradient
 * (`kernels/selective-scan.h`); elsewhere, and for channels that are no multiple of 16, TensorFlow's own ops do it.
 */
export function selectiveScan({ x, raw, b, c, logarithms, skip, z }: ScanInputs): Tensor3D {
  const tf = tensorflow();
  const isCompiled = usesRowKernels() && x.shape[2] % laneWidth === 0 && b.shape[2] <= mostStates;
  const operation = tf.customGrad((...given) => {
    const inputs = given.slice(0, 7) as Tensor[];
    const save = given[7] as (tensors: Tensor[]) => void;
    save(inputs);
    if (!isCompiled) {
      const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => composedScanGradient(saved, dy);
      return { value: composedScan(inputs), gradFunc };
    }
    const [value, kept] = deviceScope(() => execute('HyperswapSelectiveScan', [], inputs.map(borrow), 2));
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] =>
      deviceScope(() => {
        const all = [...saved.map(borrow), kept!, borrow(dy)];
        const gradients = execute('HyperswapSelectiveScanGradient', [], all, 7);
        release(kept!);
        return gradients.map(handOver);
      });
    return { value: handOver(value!), gradFunc };
  });
  return operation(x, raw, b, c, logarithms, skip, z) as Tensor3D;
}
