import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '@hyperswap/errors';
import {
  inMemory,
  SafetensorsError,
  SafetensorsFile,
  tensorsDigest,
  writeSafetensorsFile,
  type NamedTensor,
  type StoredType,
  type TensorSource,
} from '@hyperswap/safetensors';
import { backboneConfigSchema, type BackboneConfig } from './config.js';
import { encoderShapes } from './parameters.js';

/**
 * A frozen encoder that was checked: where its numbers are, not the numbers, which are read when it is made resident. It crosses threads as it is.
 */
export interface Backbone {
  readonly name: string;
  readonly config: BackboneConfig;
  /** Of names, shapes and float32 values: the same weights have the same digest however they are stored. */
  readonly digest: string;
  readonly parameters: number;
  /** A safetensors file, or the tensors themselves. */
  readonly weights: string | ReadonlyMap<string, NamedTensor>;
}

/** Folder of the backbones that ship with hyperswap, one folder each. */
export const pretrainedDirectory = fileURLToPath(new URL('../pretrained', import.meta.url));

/** A backbone of tensors in memory, checked by nobody. */
export function makeBackbone(
  name: string,
  config: BackboneConfig,
  weights: ReadonlyMap<string, NamedTensor>,
): Backbone {
  const source = inMemory(weights);
  return { name, config, digest: tensorsDigest(source), parameters: countParameters(config), weights };
}

/** Runs a function on a backbone's tensors, which are open for so long. */
export function withTensors<Result>({ weights }: Backbone, use: (tensors: TensorSource) => Result): Result {
  if (typeof weights !== 'string') return use(inMemory(weights));
  const file = SafetensorsFile.open(weights);
  try {
    return use(file);
  } finally {
    file.close();
  }
}

function countParameters(config: BackboneConfig): number {
  return [...encoderShapes(config).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}

/**
 * Checks a backbone in a folder of `config.json` and `model.safetensors`, tensor by tensor.
 *
 * @throws FILE_UNREADABLE; BACKBONE_INVALID when the config or a tensor's name, shape or value is not right
 */
export async function readBackbone(name: string, directory: string): Promise<Backbone> {
  const configFile = path.join(directory, 'config.json');
  const modelFile = path.join(directory, 'model.safetensors');
  const configText = await readFile(configFile, 'utf8').catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file: configFile, reason: firstLine(cause) }, cause);
  });
  let config: BackboneConfig;
  try {
    config = backboneConfigSchema.parse(JSON.parse(configText));
  } catch (cause) {
    throw failure('BACKBONE_INVALID', { file: configFile, reason: firstLine(cause) }, cause);
  }
  let tensors: SafetensorsFile;
  try {
    tensors = SafetensorsFile.open(modelFile);
  } catch (cause) {
    if (cause instanceof SafetensorsError) {
      throw failure('BACKBONE_INVALID', { file: modelFile, reason: cause.message }, cause);
    }
    throw failure('FILE_UNREADABLE', { file: modelFile, reason: firstLine(cause) }, cause);
  }
  try {
    checkShapes(modelFile, config, tensors.shapes);
    const digest = tensorsDigest({
      shapes: tensors.shapes,
      read: (tensor) => {
        const values = tensors.read(tensor);
        if (values.every(Number.isFinite)) return values;
        throw failure('BACKBONE_INVALID', {
          file: modelFile,
          reason: `tensor ${tensor} holds NaN or infinite values`,
        });
      },
    });
    return { name, config, digest, parameters: countParameters(config), weights: modelFile };
  } finally {
    tensors.close();
  }
}

/** Writes a backbone into a folder; half precision halves the file, and the digest is then of the rounded values. */
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
