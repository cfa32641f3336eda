/**
 * Selective scan and its gradient, composed of TensorFlow's own ops, for devices without our kernels. The sequence is
 * cut into about √length chunks: all chunks step together, then their last states are carried from chunk to chunk.
 */
import { tensorflow, type Tensor, type Tensor3D } from '../tensorflow.js';
import { silu } from './silu.js';

/** Values of the states of all steps that exist at once: 64 MiB. */
const mostValues = 16 * 1024 * 1024;

/** `x, raw, b, c, logarithms, skip, z` */
type Inputs = readonly Tensor[];

/** Returns the scan's result, `[sequences, length, channels]`. */
export function composedScan(inputs: Inputs): Tensor {
  const tf = tensorflow();
  return tf.tidy(() => {
    const parts = inSlices(inputs).map((slice) =>
      tf.tidy(() => {
        const { states, spread } = statesOf(slice);
        const y = resultOf(slice, spread, states);
        return tf.mul(y, silu(slice.z));
      }),
    );
    return tf.concat(parts, 2);
  });
}

/** Returns the gradients of all inputs, in their order. */
export function composedScanGradient(inputs: Inputs, dOut: Tensor): Tensor[] {
  const tf = tensorflow();
  return tf.tidy(() => {
    const [sequences, length] = dOut.shape as [number, number];
    const found = inSlices(inputs).map((slice) =>
      tf.tidy(() => {
        const { x, raw, z, skip, first, channels } = slice;
        const { states, delta, rates, decays, spread } = statesOf(slice);
        const [b, c] = [spread(slice.b), spread(slice.c)];
        const dResult = tf.slice(dOut, [0, 0, first], [sequences, length, channels]);
        const open = tf.sigmoid(z);
        const y = resultOf(slice, spread, states);
        const dz = tf.mul(tf.mul(dResult, y), tf.mul(open, tf.add(tf.mul(z, tf.sub(1, open)), 1)));
        const g = tf.mul(dResult, tf.mul(z, open));
        const wide = (values: Tensor): Tensor => tf.expandDims(values, 3);
        // G(t) = C g + a(t + 1) G(t + 1), a scan from the end.
        const later = tf.concat(
          [
            tf.slice(decays, [0, 1, 0, 0], [-1, length - 1, -1, -1]),
            tf.zerosLike(tf.slice(decays, [0, 0, 0, 0], [-1, 1, -1, -1])),
          ],
          1,
        );
        const gradient = tf.reverse(scan(tf.reverse(later, 1), tf.reverse(tf.mul(c, wide(g)), 1)), 1);
        const before = tf.concat(
          [
            tf.zerosLike(tf.slice(states, [0, 0, 0, 0], [-1, 1, -1, -1])),
            tf.slice(states, [0, 0, 0, 0], [-1, length - 1, -1, -1]),
          ],
          1,
        );
        const flow = tf.mul(tf.mul(gradient, before), tf.mul(decays, rates));
        const alongB = tf.sum(tf.mul(gradient, b), 3);
        const dDelta = tf.add(tf.sum(flow, 3), tf.mul(x, alongB));
        return [
          tf.add(tf.mul(delta, alongB), tf.mul(skip, g)),
          tf.mul(dDelta, tf.sigmoid(raw)),
          tf.sum(tf.mul(gradient, wide(tf.mul(delta, x))), 2),
          tf.sum(tf.mul(states, wide(g)), 2),
          tf.sum(tf.mul(flow, wide(delta)), [0, 1]),
          tf.sum(tf.mul(g, x), [0, 1]),
          dz,
        ];
      }),
    );
    const of = (input: number): Tensor[] => found.map((gradients) => gradients[input]!);
    // Channels follow each other; B and C are shared by all of them.
    const axes = [2, 2, undefined, undefined, 0, 0, 2];
    return axes.map((axis, input) => (axis === undefined ? tf.addN(of(input)) : tf.concat(of(input), axis)));
  });
}

/** Inputs of some channels. */
interface Slice {
  readonly first: number;
  readonly channels: number;
  readonly x: Tensor;
  readonly raw: Tensor;
  readonly b: Tensor;
  readonly c: Tensor;
  readonly logarithms: Tensor;
  readonly skip: Tensor;
  readonly z: Tensor;
}

/** Cuts the inputs into slices of channels whose states fit the memory. */
function inSlices([x, raw, b, c, logarithms, skip, z]: Inputs): Slice[] {
  const tf = tensorflow();
  const [sequences, length, channels] = x!.shape as [number, number, number];
  const states = b!.shape[2]!;
  const most = Math.max(1, Math.floor(mostValues / (sequences * length * states)));
  return Array.from({ length: Math.ceil(channels / most) }, (_, slice) => {
    const first = slice * most;
    const count = Math.min(most, channels - first);
    const own = (tensor: Tensor): Tensor => tf.slice(tensor, [0, 0, first], [sequences, length, count]);
    return {
      first,
      channels: count,
      x: own(x!),
      raw: own(raw!),
      b: b!,
      c: c!,
      logarithms: tf.slice(logarithms!, [first, 0], [count, states]),
      skip: tf.slice(skip!, [first], [count]),
      z: own(z!),
    };
  });
}

/** Returns the states after each step, `[sequences, length, channels, states]`, and what they are made of. */
function statesOf({ x, raw, b, logarithms }: Slice) {
  const tf = tensorflow();
  const spread = (values: Tensor): Tensor => tf.expandDims(values, 2);
  const delta = tf.softplus(raw);
  const rates = tf.neg(tf.exp(logarithms));
  const decays = tf.exp(tf.mul(tf.expandDims(delta, 3), rates));
  const states = scan(decays, tf.mul(tf.expandDims(tf.mul(delta, x), 3), spread(b)));
  return { states, delta, rates, decays, spread };
}

/** Returns Σ C h + D x. */
function resultOf({ x, c, skip }: Slice, spread: (values: Tensor) => Tensor, states: Tensor): Tensor {
  const tf = tensorflow();
  return tf.add(tf.sum(tf.mul(states, spread(c)), 3), tf.mul(skip, x));
}

/** Returns h(t) = a(t) h(t − 1) + b(t) along axis 1, from h = 0. */
function scan(a: Tensor, b: Tensor): Tensor {
  const tf = tensorflow();
  return tf.tidy(() => {
    const [sequences, length, ...rest] = a.shape as [number, number, ...number[]];
    const chunks = Math.ceil(Math.sqrt(length));
    const steps = Math.ceil(length / chunks);
    const values = rest.reduce((product, size) => product * size, 1);
    const inChunks = (tensor: Tensor): Tensor[] => {
      const flat = tf.reshape(tensor, [sequences, length, values]) as Tensor3D;
      const padded = tf.pad(flat, [
        [0, 0],
        [0, chunks * steps - length],
        [0, 0],
      ]);
      return tf.unstack(tf.reshape(padded, [sequences, chunks, steps, values]), 2);
    };
    const [decays, inputs] = [inChunks(a), inChunks(b)];
    const local: Tensor[] = [inputs[0]!];
    const kept: Tensor[] = [decays[0]!];
    for (let step = 1; step < steps; step++) {
      local.push(tf.add(tf.mul(decays[step]!, local[step - 1]!), inputs[step]!));
      kept.push(tf.mul(decays[step]!, kept[step - 1]!));
    }
    const [ends, shares] = [tf.unstack(local.at(-1)!, 1), tf.unstack(kept.at(-1)!, 1)];
    const starts: Tensor[] = [tf.zerosLike(ends[0]!)];
    for (let chunk = 1; chunk < chunks; chunk++) {
      starts.push(tf.add(ends[chunk - 1]!, tf.mul(shares[chunk - 1]!, starts[chunk - 1]!)));
    }
    const carried = tf.stack(starts, 1);
    const whole = tf.stack(
      local.map((own, step) => tf.add(own, tf.mul(kept[step]!, carried))),
      2,
    );
    const flat = tf.reshape(whole, [sequences, chunks * steps, values]);
    return tf.reshape(tf.slice(flat, [0, 0, 0], [sequences, length, values]), a.shape);
  });
}
