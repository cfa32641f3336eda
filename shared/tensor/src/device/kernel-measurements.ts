/** Kernel measurements of this machine, cached for later processes. */
import { createHash, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { engineCacheDirectory } from '../engine/cache-directory.js';
import { usesGpu } from '../tensorflow.js';
import { binding, type ElementType } from './device-tensor.js';

/** The element types that the frozen backbone can run in. */
export type Precision = Extract<ElementType, 'float32' | 'bfloat16'>;

/** GFLOP/s of the warm-up's layer, by kernels and precision; 0 where it does not run. */
export type KernelSpeeds = Readonly<Record<'plain' | 'fused', Readonly<Record<Precision, number>>>>;

const speeds = z.object({ float32: z.number(), bfloat16: z.number() });
const schema = z.object({ plain: speeds, fused: speeds });

/**
 * Returns the speeds that an earlier process measured on the same machine with the same engine, or measures them now.
 * If several processes measure at once, all use the result of the first. If nothing can be cached, every process
 * measures.
 */
export function rememberedSpeeds(measure: () => KernelSpeeds): KernelSpeeds {
  const processors = cpus().map(({ model }) => model);
  const machine = { processors, gpu: usesGpu(), tensorflow: binding().TF_Version };
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

function read(file: string): KernelSpeeds | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}
