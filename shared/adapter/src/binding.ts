import { adaptationShapes, mergeAdaptation } from '@hyperswap/peft';
import { orientedOffsets } from '@hyperswap/scene';
import {
  featuresInSteps,
  releaseLayer,
  resizeMatrix,
  tokenPixels,
  type BackboneConfig,
  type BlockLayers,
  type Pooling,
  type ResidentBackbone,
} from '@hyperswap/spectralgpt';
import type { NamedTensor } from '@hyperswap/safetensors';
import { finish, tensorflow, type DeviceLinear, type Steps, type Tensor, type Tensor2D } from '@hyperswap/tensor';
import { validateAgainstBackbone, type Adapter } from './blob.js';

export interface Classification {
  /** Class of each patch, from 1. */
  readonly labels: Uint8Array;
  /** Probability of that class, 255ths. */
  readonly confidence: Uint8Array;
  /** Probability of every class in 255ths, `[patches, classes]`; empty unless asked for. */
  readonly probabilities: Uint8Array;
  /** Logit of every class, `[patches, classes]`; empty unless asked for. */
  readonly logits: Float32Array;
}

/**
 * Binding of an adapter to a backbone: its update is merged into copies of the weights that it changes; everything else
 * is shared. It lives in the executor's worker.
 */
export class Binding {
  readonly patchSize: number;
  private readonly config: BackboneConfig;
  private readonly pooling: Pooling;
  private readonly views: number;
  private readonly blocks: readonly BlockLayers[];
  private readonly own: readonly DeviceLinear[];
  private readonly resize: Tensor2D;
  private readonly headWeight: Tensor2D;
  private readonly headBias: Tensor;
  /** `[bands, components]` and `[components]`: raw pixel · projection + offset is a normalised score. */
  private readonly projection: Tensor2D;
  private readonly offset: Tensor;
  private readonly normalizerMean: Tensor;
  private readonly normalizerDeviation: Tensor;
  private readonly pcaMean: Tensor;

  /** @throws ADAPTER_BACKBONE, ADAPTER_INVALID when the adapter does not fit the backbone */
  constructor(
    reference: string,
    adapter: Adapter,
    private readonly resident: ResidentBackbone,
  ) {
    const tf = tensorflow();
    const adaptation = validateAgainstBackbone(reference, adapter, resident.backbone);
    const { tensors, metadata } = adapter;
    this.config = resident.backbone.config;
    this.patchSize = metadata.patchSize;
    this.pooling = metadata.pooling;
    this.views = metadata.views;
    const upload = ({ shape, values }: NamedTensor): Tensor => tf.tensor(values, [...shape], 'float32');
    const factors = new Map<string, Tensor>();
    for (const name of adaptationShapes(adaptation, this.config).keys()) {
      factors.set(name, upload(tensors.factors.get(name)!));
    }
    const merged = mergeAdaptation(adaptation, factors, resident);
    this.blocks = merged.blocks;
    this.own = merged.own;
    tf.dispose([...factors.values()]);
    this.resize = resizeMatrix(this.patchSize, this.config);
    this.headWeight = upload(tensors.headWeight) as Tensor2D;
    this.headBias = upload(tensors.headBias);
    this.pcaMean = upload(tensors.pcaMean);
    this.normalizerMean = upload(tensors.normalizerMean);
    this.normalizerDeviation = upload(tensors.normalizerDeviation);
    [this.projection, this.offset] = tf.tidy(() => {
      const loadings = tf.transpose(upload(tensors.pcaComponents) as Tensor2D);
      return [
        tf.div(loadings, this.normalizerDeviation),
        tf.neg(tf.div(this.normalizerMean, this.normalizerDeviation)),
      ] as [Tensor2D, Tensor];
    });
  }

  /** Memory of the tensors that are this binding's own. */
  get bytes(): number {
    const values = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
    const layers = this.own
      .flatMap(({ weight, bias }) => [weight, bias])
      .reduce((sum, { shape, type }) => sum + values(shape) * (type === 'bfloat16' ? 2 : 4), 0);
    const others = [this.resize, this.headWeight, this.headBias, this.projection, this.offset];
    const scaling = [this.normalizerMean, this.normalizerDeviation, this.pcaMean];
    return layers + [...others, ...scaling].reduce((sum, { shape }) => sum + 4 * values(shape), 0);
  }

  /**
   * Converts raw pixels to the backbone's input.
   *
   * @param pixels `[pixels, bands]`
   * @returns `[components, pixels]`
   */
  fromRaw(pixels: Tensor2D): Tensor2D {
    const tf = tensorflow();
    // The mean is subtracted first: raw values are large against their spread, float32 would lose it.
    return tf.tidy(() =>
      tf.transpose(tf.add(tf.matMul(tf.sub(pixels, this.pcaMean), this.projection), this.offset) as Tensor2D),
    );
  }

  /** Converts scores `[pixels, components]` to the backbone's input, `[components, pixels]`. */
  fromScores(scores: Tensor2D): Tensor2D {
    const tf = tensorflow();
    return tf.tidy(() =>
      tf.transpose(tf.div(tf.sub(scores, this.normalizerMean), this.normalizerDeviation) as Tensor2D),
    );
  }

  /**
   * @param patches `[components, patches · patchSize²]`, as `gatherPatches` gives them
   * @returns `[patches, classes]`
   */
  logits(patches: Tensor2D): Tensor2D {
    return finish(this.logitsInSteps(patches));
  }

  /** @param pixels `[patches · tokens, tokenValues]` @returns `[patches, classes]` */
  logitsOfTokens(pixels: Tensor2D): Tensor2D {
    return finish(this.logitsOfTokensInSteps(pixels));
  }

  /** @param patches `[components, patches · patchSize²]` */
  classify(patches: Tensor2D): Classification {
    return finish(this.classifyInSteps(patches));
  }

  /** The same, a step a block of the backbone. */
  *classifyInSteps(patches: Tensor2D): Steps<Classification> {
    const views = yield* this.featuresOfViews(patches);
    const classified = this.classifyFeatures(views, { first: 0, count: views[0]!.shape[0] });
    tensorflow().dispose([...views]);
    return classified;
  }

  /**
   * Runs the backbone, a step a block. Bindings that leave it as it is, of the same patch size, pooling and number of
   * views, have the same features.
   *
   * @param patches `[components, patches · patchSize²]`
   * @returns the pooled features of each view, `[patches, pooledWidth]`; they belong to the caller
   */
  *featuresOfViews(patches: Tensor2D): Steps<Tensor2D[]> {
    const tf = tensorflow();
    const { blocks, pooling } = this;
    const views: Tensor2D[] = [];
    let isDone = false;
    try {
      for (let way = 0; way < this.views; way++) {
        const pixels = tf.tidy(() => tokenPixels(this.oriented(patches, way), this.resize, this.config));
        try {
          views.push(yield* featuresInSteps(pixels, this.resident, { blocks, pooling }));
        } finally {
          pixels.dispose();
        }
      }
      isDone = true;
      return views;
    } finally {
      if (!isDone) tf.dispose(views);
    }
  }

  /**
   * Classifies features by the head.
   *
   * @param views of {@link featuresOfViews}, of this binding or of one with the same features
   * @param rows those that are this binding's
   */
  classifyFeatures(
    views: readonly Tensor2D[],
    { first, count }: { readonly first: number; readonly count: number },
    wanted: { readonly probabilities?: boolean; readonly logits?: boolean } = {},
  ): Classification {
    const tf = tensorflow();
    const logits = tf.tidy(() => {
      const laid = views.map((pooled) => this.head(tf.slice(pooled, [first, 0], [count, -1])));
      return tf.div(tf.addN(laid), this.views) as Tensor2D;
    });
    const [classes, largest, distribution] = tf.tidy(() => {
      const shares = tf.softmax(logits);
      return [tf.argMax(shares, 1), tf.max(shares, 1), shares] as [Tensor, Tensor, Tensor];
    });
    const inBytes = (shares: Tensor): Uint8Array =>
      Uint8Array.from(shares.dataSync(), (share) => Math.round(255 * share));
    const labels = Uint8Array.from(classes.dataSync(), (index) => index + 1);
    const confidence = inBytes(largest);
    const probabilities = wanted.probabilities === true ? inBytes(distribution) : new Uint8Array(0);
    const plain = wanted.logits === true ? (logits.dataSync() as Float32Array).slice() : new Float32Array(0);
    tf.dispose([logits, classes, largest, distribution]);
    return { labels, confidence, probabilities, logits: plain };
  }

  /** Mean over the views. */
  private *logitsInSteps(patches: Tensor2D): Steps<Tensor2D> {
    const tf = tensorflow();
    const views = yield* this.featuresOfViews(patches);
    const logits = tf.tidy(() => tf.div(tf.addN(views.map((pooled) => this.head(pooled))), this.views) as Tensor2D);
    tf.dispose(views);
    return logits;
  }

  /** Logits of pooled features, `[patches, classes]`. */
  private head(pooled: Tensor2D): Tensor2D {
    const tf = tensorflow();
    return tf.add(tf.matMul(pooled, this.headWeight, false, true), this.headBias);
  }

  /** Patches in one of eight orientations; the first leaves them unchanged. */
  private oriented(patches: Tensor2D, way: number): Tensor2D {
    if (way === 0) return patches;
    const tf = tensorflow();
    const offsets = tf.tensor1d(orientedOffsets(this.patchSize, way), 'int32');
    const grid = tf.reshape(patches, [patches.shape[0], -1, this.patchSize ** 2]);
    return tf.reshape(tf.gather(grid, offsets, 2), [patches.shape[0], -1]);
  }

  /** The same, a step a block of the backbone. */
  *logitsOfTokensInSteps(pixels: Tensor2D): Steps<Tensor2D> {
    const tf = tensorflow();
    const { blocks, pooling } = this;
    const pooled = yield* featuresInSteps(pixels, this.resident, { blocks, pooling });
    const logits = tf.tidy(() => this.head(pooled));
    pooled.dispose();
    return logits;
  }

  /** Frees what the binding owns; the backbone stays. */
  dispose(): void {
    for (const layer of this.own) releaseLayer(layer);
    tensorflow().dispose([this.resize, this.headWeight, this.headBias, this.projection, this.offset]);
    tensorflow().dispose([this.normalizerMean, this.normalizerDeviation, this.pcaMean]);
  }
}
