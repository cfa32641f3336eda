/** Kernel measurements of this machine, cached for later processes. */
import { createHash, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { engineCacheDirectory } from '../engine/cache-directory.js';
import { usesGpu } from '../tensorflow.js';
import { binding, type ElementType } from './device-tensor.js';

/** Element types of layers that learn, and of layers that are only applied. */
export type FloatPrecision = Extract<ElementType, 'float32' | 'bfloat16'>;

/** Number formats that a user can ask for. */
export type NumberFormat = FloatPrecision | 'int8';

/**
 * Number format of a backbone's layers, and their layout: `packed-bfloat16` and `int8` are packed for our own kernels,
 * which have no gradient.
 */
export type Precision = NumberFormat | 'packed-bfloat16';

/** Precisions whose layers are packed for our own kernels. */
export type PackedPrecision = Exclude<Precision, FloatPrecision>;

/** Returns true for a precision whose layers are packed for our own kernels. */
export function isPacked(precision: Precision): precision is PackedPrecision {
  return precision === 'int8' || precision === 'packed-bfloat16';
}

/** Speeds on a base backbone, GFLOP/s; 0 where the machine has no such kernel. */
export interface KernelSpeeds {
  /** One layer by TensorFlow's public ops. */
  readonly plain: Readonly<Record<FloatPrecision, number>>;
  /** The same by oneDNN's fused op. */
  readonly fused: Readonly<Record<FloatPrecision, number>>;
  /** A whole block in bfloat16 by our own kernel. */
  readonly packedBlock: number;
  /** A whole block in int8 by our own kernel. */
  readonly int8: number;
}

const speeds = z.object({ float32: z.number(), bfloat16: z.number() });
const schema = z.object({ plain: speeds, fused: speeds, packedBlock: z.number(), int8: z.number() });
/** Version of the measurement. Raise it when the measurement changes, so that old results are not used. */
const version = 4;

/**
 * Returns the speeds that an earlier process measured on the same machine with the same engine, or measures them now.
 * If several processes measure at once, all use the result of the first. If nothing can be cached, every process
 * measures.
 */
export function rememberedSpeeds(measure: () => KernelSpeeds): KernelSpeeds {
  const processors = cpus().map(({ model }) => model);
  const machine = { version, engine: builtEngine(), processors, gpu: usesGpu(), tensorflow: binding().TF_Version };
  const name = createHash('sha256').update(JSON.stringify(machine)).digest('hex').slice(0, 16);
  const file = path.join(engineCacheDirectory(), `kernels-${name}.json`);
  const known = read(file);
  if (known !== undefined) return known;
  const measured = measure();
  const staged = `${file}.${randomUUID()}`;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(staged, `${JSON.stringify(measured)}\n`);
    // Fails if another process was faster.
    linkSync(staged, file);
  } catch {
    return read(file) ?? measured;
  } finally {
    rmSync(staged, { force: true });
  }
  return measured;
}

/** Folder of the built addon, named by the digest of what it was built from. */
function builtEngine(): string {
  const folder = path.dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node-gpu/package.json'));
  return path.basename(path.dirname(realpathSync(path.join(folder, 'lib', 'napi-v8', 'tfjs_binding.node'))));
}

function read(file: string): KernelSpeeds | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}
