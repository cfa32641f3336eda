import { readFile, writeFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '@hyperswap/errors';
import {
  readSafetensors,
  SafetensorsError,
  tensorsDigest,
  writeSafetensors,
  type NamedTensor,
  type StoredType,
} from '@hyperswap/safetensors';
import { backboneConfigSchema, type BackboneConfig } from './config.js';
import { encoderShapes } from './parameters.js';

/** A frozen encoder in memory of any thread: numbers only, nothing on the device. */
export interface Backbone {
  readonly name: string;
  readonly config: BackboneConfig;
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  /** Of names, shapes and float32 values: the same weights have the same digest however they are stored. */
  readonly digest: string;
}

/** Folder of the backbones that ship with hyperswap, one folder each. */
export const pretrainedDirectory = fileURLToPath(new URL('../pretrained', import.meta.url));

/** Names a backbone's weights. */
export function makeBackbone(
  name: string,
  config: BackboneConfig,
  tensors: ReadonlyMap<string, NamedTensor>,
): Backbone {
  return { name, config, tensors, digest: tensorsDigest(tensors) };
}

export function parameterCount({ tensors }: Backbone): number {
  return [...tensors.values()].reduce((sum, { values }) => sum + values.length, 0);
}

/**
 * Reads a backbone from a folder of `config.json` and `model.safetensors`.
 *
 * @throws FILE_UNREADABLE; BACKBONE_INVALID when the config or a tensor's name, shape or value is not right
 */
export async function readBackbone(name: string, directory: string): Promise<Backbone> {
  const configFile = path.join(directory, 'config.json');
  const modelFile = path.join(directory, 'model.safetensors');
  const [configText, model] = await Promise.all([read(configFile), read(modelFile)]);
  let config: BackboneConfig;
  try {
    config = backboneConfigSchema.parse(JSON.parse(configText.toString('utf8')));
  } catch (cause) {
    throw failure('BACKBONE_INVALID', { file: configFile, reason: firstLine(cause) }, cause);
  }
  let tensors: ReadonlyMap<string, NamedTensor>;
  try {
    tensors = readSafetensors(model).tensors;
  } catch (cause) {
    if (!(cause instanceof SafetensorsError)) throw cause;
    throw failure('BACKBONE_INVALID', { file: modelFile, reason: cause.message }, cause);
  }
  checkTensors(modelFile, config, tensors);
  return makeBackbone(name, config, tensors);
}

/** Writes a backbone into a folder; half precision halves the file, and the digest is then of the rounded values. */
export async function writeBackbone(
  directory: string,
  config: BackboneConfig,
  tensors: ReadonlyMap<string, NamedTensor>,
  stored: StoredType,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  await writeFile(path.join(directory, 'model.safetensors'), writeSafetensors({ tensors, metadata: {} }, stored));
}

function checkTensors(file: string, config: BackboneConfig, tensors: ReadonlyMap<string, NamedTensor>): void {
  const shapes = encoderShapes(config);
  const invalid = (reason: string): Error => failure('BACKBONE_INVALID', { file, reason });
  for (const [name, shape] of shapes) {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw invalid(`tensor ${name} is missing`);
    if (tensor.shape.join() !== shape.join()) {
      throw invalid(`tensor ${name} is [${tensor.shape.join(', ')}], the config needs [${shape.join(', ')}]`);
    }
    if (!tensor.values.every(Number.isFinite)) throw invalid(`tensor ${name} holds NaN or infinite values`);
  }
  const unexpected = [...tensors.keys()].filter((name) => !shapes.has(name));
  if (unexpected.length > 0) throw invalid(`it holds unexpected tensors: ${unexpected.slice(0, 5).join(', ')}`);
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    throw failure('FILE_UNREADABLE', { file, reason: firstLine(cause) }, cause);
  });
}

function firstLine(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replaceAll(/\s+/g, ' ').slice(0, 200);
}
