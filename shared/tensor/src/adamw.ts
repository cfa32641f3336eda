import { deviceScope } from './device/device-tensor.js';
import { tensorflow, type NamedTensorMap, type Scalar, type Tensor, type Variable } from './tensorflow.js';

export interface AdamWOptions {
  /** @default 0.9 */
  readonly beta1?: number;
  /** @default 0.999 */
  readonly beta2?: number;
  /** @default 1e-8 */
  readonly epsilon?: number;
  /** Decay of all parameters but vectors (biases, norms), which are not decayed. @default 0.05 */
  readonly weightDecay?: number;
  /**
   * Share of each parameter, vectors included, that is added to its gradient, as `torch.optim.Adam`'s decay.
   *
   * @default 0
   */
  readonly penalty?: number;
  /** Gradients are scaled down together so that their joint norm is at most this; 0 leaves them. @default 0 */
  readonly maximumGradientNorm?: number;
}

interface Moments {
  readonly variable: Variable;
  first: Tensor;
  second: Tensor;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2), as `torch.optim.AdamW`.
 * Learning rates may differ by parameter; the "+" methods need no more than that.
 */
export class AdamW {
  private readonly moments: Moments[];
  private readonly options: Required<AdamWOptions>;
  private steps = 0;

  constructor(variables: readonly Variable[], options: AdamWOptions = {}) {
    const tf = tensorflow();
    const usual = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05, penalty: 0, maximumGradientNorm: 0 };
    this.options = { ...usual, ...options };
    this.moments = variables.map((variable) => ({
      variable,
      first: tf.keep(tf.zerosLike(variable)),
      second: tf.keep(tf.zerosLike(variable)),
    }));
  }

  /**
   * Takes one step.
   *
   * @param loss of the current parameters: a scalar, or parts that add up to it. Memory for the gradient of one part is
   *   freed before the next part is computed
   * @param learningRate of a parameter at this step, by its name
   * @returns the loss before the step
   */
  minimise(loss: (() => Scalar) | readonly (() => Scalar)[], learningRate: (name: string) => number): number {
    const tf = tensorflow();
    this.steps += 1;
    let total = 0;
    let gradients: NamedTensorMap = {};
    for (const part of typeof loss === 'function' ? [loss] : loss) {
      const { value, grads } = deviceScope(() => tf.variableGrads(part, this.variables));
      total += value.dataSync()[0]!;
      value.dispose();
      gradients = addGradients(gradients, grads);
    }
    const scale = this.clippingScale(Object.values(gradients));
    for (const moments of this.moments) {
      const gradient = gradients[moments.variable.name];
      if (gradient !== undefined) this.apply(moments, gradient, scale, learningRate(moments.variable.name));
    }
    tf.dispose(gradients);
    return total;
  }

  /** Steps taken and both moments of every variable, in the variables' order, for `restore`. */
  state(): { readonly steps: number; readonly moments: readonly (readonly [Float32Array, Float32Array])[] } {
    const values = (tensor: Tensor): Float32Array => tensor.dataSync() as Float32Array;
    return {
      steps: this.steps,
      moments: this.moments.map(({ first, second }) => [values(first), values(second)] as const),
    };
  }

  /** Restores the state of another optimiser. @param state of `state`, of variables of the same shapes */
  restore({ steps, moments }: ReturnType<AdamW['state']>): void {
    const tf = tensorflow();
    this.steps = steps;
    this.moments.forEach((own, i) => {
      tf.dispose([own.first, own.second]);
      const [first, second] = moments[i]!;
      own.first = tf.keep(tf.tensor(first, own.variable.shape));
      own.second = tf.keep(tf.tensor(second, own.variable.shape));
    });
  }

  dispose(): void {
    for (const { first, second } of this.moments) {
      first.dispose();
      second.dispose();
    }
  }

  private get variables(): Variable[] {
    return this.moments.map(({ variable }) => variable);
  }

  private clippingScale(gradients: readonly Tensor[]): number {
    const limit = this.options.maximumGradientNorm;
    if (limit <= 0) return 1;
    const tf = tensorflow();
    const squared = tf.tidy(() => tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient)))).dataSync()[0]!);
    return Math.min(1, limit / (Math.sqrt(squared) + 1e-6));
  }

  private apply(moments: Moments, gradient: Tensor, scale: number, learningRate: number): void {
    const tf = tensorflow();
    const { beta1, beta2, epsilon, weightDecay, penalty } = this.options;
    const { variable } = moments;
    const [first, second, next] = tf.tidy(() => {
      const scaled = scale === 1 ? gradient : tf.mul(gradient, scale);
      const g = penalty === 0 ? scaled : tf.add(scaled, tf.mul(variable, penalty));
      const m = tf.add(tf.mul(moments.first, beta1), tf.mul(g, 1 - beta1));
      const v = tf.add(tf.mul(moments.second, beta2), tf.mul(tf.square(g), 1 - beta2));
      const corrected = tf.sqrt(tf.div(v, 1 - beta2 ** this.steps));
      const step = tf.div(tf.mul(m, learningRate / (1 - beta1 ** this.steps)), tf.add(corrected, epsilon));
      const decay = variable.rank > 1 ? 1 - learningRate * weightDecay : 1;
      return [m, v, tf.sub(decay === 1 ? variable : tf.mul(variable, decay), step)] as [Tensor, Tensor, Tensor];
    });
    tf.dispose([moments.first, moments.second]);
    moments.first = tf.keep(first);
    moments.second = tf.keep(second);
    variable.assign(next);
    next.dispose();
  }
}

/** Adds up tensors by name and frees the summands. */
function addGradients(sums: NamedTensorMap, more: NamedTensorMap): NamedTensorMap {
  const tf = tensorflow();
  const added: NamedTensorMap = { ...sums };
  for (const [name, gradient] of Object.entries(more)) {
    const sum = sums[name];
    added[name] = sum === undefined ? gradient : tf.add(sum, gradient);
    if (sum !== undefined) tf.dispose([sum, gradient]);
  }
  return added;
}
