/**
 * The adapter blob: one safetensors file with the method's factors, the head, the PCA and the normaliser, and metadata
 * that says what they are. A raw tile and a blob are enough to classify.
 */
import { webcrypto } from 'node:crypto';
import { failure, HyperswapError } from '@hyperswap/errors';
import {
  adaptableProjections,
  adaptationShapes,
  adaptedWeight,
  findMethod,
  methodSettings,
  type Adaptation,
} from '@hyperswap/peft';
import {
  atOnce,
  parseShallowJson,
  readTensors,
  SafetensorsError,
  ShallowJsonError,
  unusableValue,
  writeSafetensors,
  type NamedTensor,
  type WorkSteps,
} from '@hyperswap/safetensors';
import { isDigestOf, pooledWidth, type BackboneDescription } from '@hyperswap/spectralgpt';
import { adapterMetadataSchema, thinCurve, writtenCurvePoints, type AdapterMetadata } from './metadata.js';

/** Size limit of a blob: far above any adapter (0.2 MB), and small enough to hold in memory. */
export const maximumBlobBytes = 64 * 1024 * 1024;
/** Largest header, which holds the metadata. */
export const maximumHeaderBytes = 1024 * 1024;
/** Objects and lists inside each other in the metadata: a class's metrics are the deepest. */
const metadataLevels = 4;
/** The smallest number that scores are divided by: its square is not zero in float32. */
const smallestDeviation = 1e-18;

export interface AdapterTensors {
  /** The method's factors by name, for example `blocks.0.attn.q.krona_a`. */
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

/** The version's identity: sha-256 of the blob. Another thread computes it. */
export async function blobDigest(blob: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', blob)).toString('hex');
}

/** Writes a blob; a long loss curve is thinned out. */
export function writeAdapter({ metadata, tensors }: Adapter): Uint8Array {
  const named = new Map(tensors.factors);
  for (const [field, name] of Object.entries(fixedNames)) named.set(name, tensors[field as keyof typeof fixedNames]);
  const { training } = metadata;
  const lossByEpoch = thinCurve(training.lossByEpoch, writtenCurvePoints);
  const hyperswap = JSON.stringify({ ...metadata, training: { ...training, lossByEpoch } });
  return writeSafetensors({ tensors: named, metadata: { hyperswap } });
}

/**
 * Reads a blob and makes all checks that need no backbone: structure, metadata, finite values.
 *
 * @param file named in errors
 * @throws ADAPTER_INVALID
 */
export function readAdapter(file: string, blob: Uint8Array): Adapter {
  return atOnce(readAdapterSteps(file, blob));
}

/** The same in steps, a step a tensor. @throws ADAPTER_INVALID */
export function* readAdapterSteps(file: string, blob: Uint8Array): WorkSteps<Adapter> {
  const invalid = (reason: string, cause?: unknown): Error => failure('ADAPTER_INVALID', { file, reason }, cause);
  if (blob.byteLength > maximumBlobBytes) {
    throw invalid(`it has ${blob.byteLength} bytes, more than the ${maximumBlobBytes} allowed`);
  }
  let tensors: Map<string, NamedTensor>;
  let metadata: AdapterMetadata;
  try {
    const content = yield* readTensors(blob, { maximumHeaderBytes });
    tensors = new Map(content.tensors);
    metadata = parseMetadata(content.metadata.hyperswap, invalid);
  } catch (cause) {
    if (cause instanceof SafetensorsError) throw invalid(cause.message, cause);
    throw cause;
  }
  for (const [name, { values }] of tensors) {
    const unusable = unusableValue(values);
    if (unusable !== undefined) throw invalid(`tensor ${name} holds the value ${unusable}`);
    yield;
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
 * The adapter's method, checked against the backbone it is to run on: its digest, and the exact set, names and shapes
 * of its tensors.
 *
 * @param reference named in errors
 * @throws ADAPTER_BACKBONE, ADAPTER_INVALID; ADAPTER_OUTDATED when it names the backbone's weights without its config
 */
export function validateAgainstBackbone(
  reference: string,
  { metadata, tensors }: Adapter,
  backbone: BackboneDescription,
): Adaptation {
  if (!isDigestOf(metadata.backbone.digest, backbone)) {
    if (metadata.backbone.digest === backbone.weightsDigest) {
      throw failure('ADAPTER_OUTDATED', { adapter: reference, backbone: backbone.name });
    }
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
    const settings = methodSettings(method, adaptedWeight(config), metadata.settings);
    adaptation = { method, settings, ...(metadata.targets && { targets: metadata.targets }) };
  } catch (cause) {
    if (cause instanceof HyperswapError) throw invalid(cause.message);
    throw cause;
  }
  const known = new Set(adaptableProjections(config));
  const strange = metadata.targets?.find((target) => !known.has(target));
  if (strange !== undefined) throw invalid(`it changes ${strange}, which ${backbone.name} does not have`);
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
  const tooSmall = tensors.normalizerDeviation.values.find((value) => value < smallestDeviation);
  if (tooSmall !== undefined) {
    throw invalid(`normalizer.deviation holds ${tooSmall}; it must be positive, at least ${smallestDeviation}`);
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
    content = parseShallowJson(Buffer.from(text), metadataLevels);
  } catch (cause) {
    if (cause instanceof ShallowJsonError) throw invalid(`its metadata ${cause.message}`, cause);
    throw cause;
  }
  const parsed = adapterMetadataSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw invalid(`its metadata field ${issue.path.join('.') || '(all)'}: ${issue.message}`);
}
