import { failure } from '@hyperswap/errors';
import type { NamedTensor } from '@hyperswap/safetensors';
import { tensorflow, type Tensor, type Tensor2D } from '@hyperswap/tensor';
import { componentGroups, tokenCount, tokensPerSide, type BackboneConfig } from './config.js';

/**
 * Parameters on the device, by the release's names. A binding consists of the shared weights with some replacements.
 * The binding owns the replacements; the rest is never copied.
 */
export class Weights {
  constructor(
    private readonly own: ReadonlyMap<string, Tensor>,
    private readonly base?: Weights,
  ) {}

  /** Uploads values; the result owns its tensors. */
  static upload(tensors: ReadonlyMap<string, NamedTensor>): Weights {
    const tf = tensorflow();
    const own = new Map<string, Tensor>();
    for (const [name, { shape, values }] of tensors) own.set(name, tf.keep(tf.tensor(values, [...shape], 'float32')));
    return new Weights(own);
  }

  get(name: string): Tensor {
    const tensor = this.own.get(name) ?? this.base?.get(name);
    if (tensor === undefined) throw failure('INTERNAL', { reason: `the backbone has no parameter ${name}` });
    return tensor;
  }

  has(name: string): boolean {
    return this.own.has(name) || this.base?.has(name) === true;
  }

  /** Returns these weights with replacements; disposing the result frees the replacements only. */
  replacing(replacements: ReadonlyMap<string, Tensor>): Weights {
    return new Weights(replacements, this);
  }

  dispose(): void {
    for (const tensor of this.own.values()) tensor.dispose();
  }
}

/**
 * Returns the position table `[tokens, width]` for either kind of positions. Separate tables are added: token (g, y, x)
 * gets spatial (y, x) plus temporal (g).
 */
export function positions(config: BackboneConfig, weights: Weights, prefix = ''): Tensor2D {
  const tf = tensorflow();
  const tokens = tokenCount(config);
  if (config.positions === 'joint' && prefix === '') return tf.reshape(weights.get('pos_embed'), [tokens, -1]);
  return tf.tidy(() => {
    const groups = componentGroups(config);
    const spatial = weights.get(`${prefix}pos_embed_spatial`);
    const temporal = tf.reshape(weights.get(`${prefix}pos_embed_temporal`), [groups, 1, -1]);
    return tf.reshape(tf.add(tf.reshape(spatial, [1, tokensPerSide(config) ** 2, -1]), temporal), [tokens, -1]);
  });
}
