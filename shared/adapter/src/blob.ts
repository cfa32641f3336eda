/**
 * The adapter blob: one safetensors file with the method's factors, the head, the PCA and the normaliser, and metadata that says
 * what they are. A raw tile and a blob are enough to classify.
 */
import { createHash } from 'node:crypto';
import { failure, HyperswapError } from '@hyperswap/errors';
import { adaptationShapes, adaptedWeight, findMethod, methodSettings, type Adaptation } from '@hyperswap/peft';
import { readSafetensors, SafetensorsError, writeSafetensors, type NamedTensor } from '@hyperswap/safetensors';
import { pooledWidth, type BackboneConfig } from '@hyperswap/spectralgpt';
import { adapterMetadataSchema, type AdapterMetadata } from './metadata.js';

/** Far above any adapter's size (0.2 MB), far below what would hurt. */
export const maximumBlobBytes = 64 * 1024 * 1024;

export interface AdapterTensors {
  /** The method's factors by name, as `blocks.0.attn.q.krona_a`. */
  readonly factors: ReadonlyMap<string, NamedTensor>;
  /** `[classes, pooledWidth]` */
  readonly headWeight: NamedTensor;
  /** `[classes]` */
  readonly headBias: NamedTensor;
  /** `[bands]` */
  readonly pcaMean: NamedTensor;
  /** `[components, bands]` */
  readonly pcaComponents: NamedTensor;
  /** Subtracted from the scores, `[components]`. */
  readonly normalizerMean: NamedTensor;
  /** Divides the scores then, `[components]`. */
  readonly normalizerDeviation: NamedTensor;
}

export interface Adapter {
  readonly metadata: AdapterMetadata;
  readonly tensors: AdapterTensors;
}

const fixedNames = {
  headWeight: 'head.weight',
  headBias: 'head.bias',
  pcaMean: 'pca.mean',
  pcaComponents: 'pca.components',
  normalizerMean: 'normalizer.mean',
  normalizerDeviation: 'normalizer.deviation',
} as const;

/** The version's identity: sha-256 of the blob. */
export function blobDigest(blob: Uint8Array): string {
  return createHash('sha256').update(blob).digest('hex');
}

export function writeAdapter({ metadata, tensors }: Adapter): Uint8Array {
  const named = new Map(tensors.factors);
  for (const [field, name] of Object.entries(fixedNames)) named.set(name, tensors[field as keyof typeof fixedNames]);
  return writeSafetensors({ tensors: named, metadata: { hyperswap: JSON.stringify(metadata) } });
}

/**
 * Reads a blob as far as it can be checked without its backbone: structure, metadata, finite values.
 *
 * @param file named in errors
 * @throws ADAPTER_INVALID
 */
export function readAdapter(file: string, blob: Uint8Array): Adapter {
  const invalid = (reason: string, cause?: unknown): Error => failure('ADAPTER_INVALID', { file, reason }, cause);
  if (blob.byteLength > maximumBlobBytes) {
    throw invalid(`it has ${blob.byteLength} bytes, more than the ${maximumBlobBytes} allowed`);
  }
  let tensors: Map<string, NamedTensor>;
  let metadata: AdapterMetadata;
  try {
    const content = readSafetensors(blob);
    tensors = new Map(content.tensors);
    metadata = parseMetadata(content.metadata.hyperswap, invalid);
  } catch (cause) {
    if (cause instanceof SafetensorsError) throw invalid(cause.message, cause);
    throw cause;
  }
  for (const [name, { values }] of tensors) {
    if (!values.every(Number.isFinite)) throw invalid(`tensor ${name} holds NaN or infinite values`);
  }
  const take = (name: string): NamedTensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw invalid(`tensor ${name} is missing`);
    tensors.delete(name);
    return tensor;
  };
  const fixed = Object.fromEntries(
    Object.entries(fixedNames).map(([field, name]) => [field, take(name)]),
  ) as unknown as Omit<AdapterTensors, 'factors'>;
  return { metadata, tensors: { ...fixed, factors: tensors } };
}

/**
 * The adapter's method, checked against the backbone it is to run on: its digest, and the exact set, names and shapes of its tensors.
 *
 * @param reference named in errors
 * @throws ADAPTER_BACKBONE, ADAPTER_INVALID
 */
export function validateAgainstBackbone(
  reference: string,
  { metadata, tensors }: Adapter,
  backbone: { readonly name: string; readonly digest: string; readonly config: BackboneConfig },
): Adaptation {
  if (metadata.backbone.digest !== backbone.digest) {
    throw failure('ADAPTER_BACKBONE', {
      adapter: reference,
      wanted: `${metadata.backbone.name} (${metadata.backbone.digest.slice(0, 12)})`,
      serving: `${backbone.name} (${backbone.digest.slice(0, 12)})`,
    });
  }
  const invalid = (reason: string): Error => failure('ADAPTER_INVALID', { file: reference, reason });
  const { config } = backbone;
  let adaptation: Adaptation;
  try {
    const method = findMethod(metadata.method);
    adaptation = { method, settings: methodSettings(method, adaptedWeight(config), metadata.settings) };
  } catch (cause) {
    if (cause instanceof HyperswapError) throw invalid(cause.message);
    throw cause;
  }
  const shapes = adaptationShapes(adaptation, config);
  const expectShape = (name: string, tensor: NamedTensor | undefined, shape: readonly number[]): void => {
    if (tensor === undefined) throw invalid(`tensor ${name} is missing`);
    if (tensor.shape.join() !== shape.join()) {
      throw invalid(`tensor ${name} is [${tensor.shape.join(', ')}], [${shape.join(', ')}] is needed`);
    }
  };
  for (const [name, { shape }] of shapes) expectShape(name, tensors.factors.get(name), shape);
  for (const name of tensors.factors.keys())
    if (!shapes.has(name)) throw invalid(`it holds an unexpected tensor ${name}`);
  const classes = metadata.classes.length;
  expectShape('head.weight', tensors.headWeight, [classes, pooledWidth(config, metadata.pooling)]);
  expectShape('head.bias', tensors.headBias, [classes]);
  expectShape('pca.mean', tensors.pcaMean, [metadata.bands]);
  expectShape('pca.components', tensors.pcaComponents, [config.components, metadata.bands]);
  expectShape('normalizer.mean', tensors.normalizerMean, [config.components]);
  expectShape('normalizer.deviation', tensors.normalizerDeviation, [config.components]);
  if (tensors.normalizerDeviation.values.some((value) => value <= 0)) {
    throw invalid('normalizer.deviation holds values that are not positive');
  }
  return adaptation;
}

/** Learned values: factors and head. */
export function learnedParameterCount({ tensors }: Adapter): number {
  const learned = [...tensors.factors.values(), tensors.headWeight, tensors.headBias];
  return learned.reduce((sum, { values }) => sum + values.length, 0);
}

function parseMetadata(text: string | undefined, invalid: (reason: string, cause?: unknown) => Error): AdapterMetadata {
  if (text === undefined) throw invalid('its header has no hyperswap metadata');
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw invalid('its metadata is not JSON', cause);
  }
  const parsed = adapterMetadataSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw invalid(`its metadata field ${issue.path.join('.') || '(all)'}: ${issue.message}`);
}
