import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '@hyperswap/errors';
import {
  atOnce,
  inMemory,
  inTurns,
  SafetensorsError,
  SafetensorsFile,
  tensorsDigest,
  unusableValue,
  writeSafetensorsFile,
  type NamedTensor,
  type StoredType,
  type TensorSource,
} from '@hyperswap/safetensors';
import { backboneConfigSchema, type BackboneConfig } from './config.js';
import { backboneDigest } from './digest.js';
import { encoderShapes } from './parameters.js';

/** Description of a backbone, without its weights. */
export interface BackboneDescription {
  readonly name: string;
  readonly config: BackboneConfig;
  /**
   * Digest of the config and the weights, which together decide what the backbone computes. Adapters belong to a
   * backbone by this digest.
   */
  readonly digest: string;
  /** Digest of the tensors alone: their names, shapes and float32 values. It does not depend on the storage format. */
  readonly weightsDigest: string;
  /** Learned values. */
  readonly parameters: number;
}

/**
 * Checked frozen encoder. It refers to its weights; they are read when it is made resident. It can be sent between
 * threads.
 */
export interface Backbone extends BackboneDescription {
  /** A safetensors file, or the tensors themselves. */
  readonly weights: string | ReadonlyMap<string, NamedTensor>;
}

/** Folder of the backbones that ship with hyperswap, one folder each. */
export const pretrainedDirectory = fileURLToPath(new URL('../pretrained', import.meta.url));

/** Maximum size of a `config.json`. */
const maximumConfigBytes = 64 * 1024;

/** Creates a backbone from tensors in memory, without checks. */
export function makeBackbone(
  name: string,
  config: BackboneConfig,
  weights: ReadonlyMap<string, NamedTensor>,
): Backbone {
  return { ...describeBackbone(name, config, atOnce(tensorsDigest(inMemory(weights)))), weights };
}

/** Runs a function on a backbone's tensors, which stay open while it runs. */
export function withTensors<Result>(backbone: Backbone, use: (tensors: TensorSource) => Result): Result {
  const { tensors, close } = openWeights(backbone);
  try {
    return use(tensors);
  } finally {
    close();
  }
}

/** Opens a backbone's tensors. Close them in the end. */
export function openWeights({ weights }: Backbone): { readonly tensors: TensorSource; readonly close: () => void } {
  if (typeof weights !== 'string') return { tensors: inMemory(weights), close: () => undefined };
  const file = SafetensorsFile.open(weights);
  return { tensors: file, close: () => file.close() };
}

function describeBackbone(name: string, config: BackboneConfig, weightsDigest: string): BackboneDescription {
  const digest = backboneDigest(config, weightsDigest);
  return { name, config, digest, weightsDigest, parameters: countParameters(config) };
}

function countParameters(config: BackboneConfig): number {
  return [...encoderShapes(config).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/**
 * Checks a backbone in a folder of `config.json` and `model.safetensors`, one tensor per turn of the event loop.
 *
 * @throws FILE_UNREADABLE; BACKBONE_INVALID if the config or a tensor's name, shape or value is not right
 */
export async function readBackbone(name: string, directory: string): Promise<Backbone> {
  const config = await readConfig(path.join(directory, 'config.json'));
  const file = path.join(directory, 'model.safetensors');
  const tensors = openTensors(file);
  try {
    checkShapes(file, config, tensors.shapes);
    const digesting = tensorsDigest({
      shapes: tensors.shapes,
      read: (tensor) => {
        const values = tensors.read(tensor);
        const unusable = unusableValue(values);
        if (unusable === undefined) return values;
        throw failure('BACKBONE_INVALID', { file, reason: `tensor ${tensor} holds the value ${unusable}` });
      },
    });
    return { ...describeBackbone(name, config, await inTurns(digesting)), weights: file };
  } finally {
    tensors.close();
  }
}

async function readConfig(file: string): Promise<BackboneConfig> {
  const unreadable = (cause: unknown): Error => failure('FILE_UNREADABLE', { file, reason: firstLine(cause) }, cause);
  const { size } = await stat(file).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  if (size > maximumConfigBytes) {
    throw failure('BACKBONE_INVALID', {
      file,
      reason: `it has ${size} bytes, more than the ${maximumConfigBytes} allowed`,
    });
  }
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw unreadable(cause);
  });
  try {
    return backboneConfigSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw failure('BACKBONE_INVALID', { file, reason: firstLine(cause) }, cause);
  }
}

function openTensors(file: string): SafetensorsFile {
  try {
    return SafetensorsFile.open(file);
  } catch (cause) {
    if (cause instanceof SafetensorsError) {
      throw failure('BACKBONE_INVALID', { file, reason: cause.message }, cause);
    }
    throw failure('FILE_UNREADABLE', { file, reason: firstLine(cause) }, cause);
  }
}

/**
 * Writes a backbone into a folder. Half precision halves the file size; the digest is then that of the rounded values.
 */
export async function writeBackbone(
  directory: string,
  config: BackboneConfig,
  tensors: TensorSource,
  stored: StoredType,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  writeSafetensorsFile(path.join(directory, 'model.safetensors'), tensors, stored);
}

function checkShapes(file: string, config: BackboneConfig, found: ReadonlyMap<string, readonly number[]>): void {
  const shapes = encoderShapes(config);
  const invalid = (reason: string): Error => failure('BACKBONE_INVALID', { file, reason });
  for (const [name, shape] of shapes) {
    const given = found.get(name);
    if (given === undefined) throw invalid(`tensor ${name} is missing`);
    if (given.join() !== shape.join()) {
      throw invalid(`tensor ${name} is [${given.join(', ')}], the config needs [${shape.join(', ')}]`);
    }
  }
  const unexpected = [...found.keys()].filter((name) => !shapes.has(name));
  if (unexpected.length > 0) throw invalid(`it holds unexpected tensors: ${unexpected.slice(0, 5).join(', ')}`);
}

function firstLine(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replaceAll(/\s+/g, ' ').slice(0, 200);
}
