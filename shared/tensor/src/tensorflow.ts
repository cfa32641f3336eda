import { createRequire } from 'node:module';
import util from 'node:util';
import { failure } from '@hyperswap/errors';
import type * as core from '@tensorflow/tfjs-core';

export type TensorFlow = typeof core;
export type {
  NamedTensorMap,
  Scalar,
  Tensor,
  Tensor1D,
  Tensor2D,
  Tensor3D,
  Tensor4D,
  TensorContainer,
} from '@tensorflow/tfjs-core';

/** Tensor that training updates in place. */
export type Variable = InstanceType<TensorFlow['Variable']>;

let loaded: TensorFlow | undefined;

/**
 * Loads TensorFlow into this thread. Only the executor's worker calls it, once, because two threads that run ops race
 * on a static set in the addon. Tests of formulas, each a process of its own, call it too.
 *
 * @throws ENGINE_MISSING if the addon was not built or its libraries do not load
 */
export function loadTensorFlow(): TensorFlow {
  if (loaded !== undefined) return loaded;
  // tfjs-node 4.22 calls two functions that Node 23 removed.
  const removed: Record<string, unknown> = {
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
    isArray: (value: unknown) => Array.isArray(value),
  };
  for (const [name, implementation] of Object.entries(removed)) {
    if (!(name in util)) Object.defineProperty(util, name, { value: implementation });
  }
  // By default TensorFlow allocates all of a GPU's memory at once, and its start-up messages fill the log.
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  try {
    const require = createRequire(import.meta.url);
    loaded = require('@tensorflow/tfjs-node-gpu') as TensorFlow;
  } catch (cause) {
    throw failure(
      'ENGINE_MISSING',
      { reason: cause instanceof Error ? cause.message.split('\n')[0]! : String(cause) },
      cause,
    );
  }
  loaded.enableProdMode();
  return loaded;
}

/**
 * Returns TensorFlow in the thread that loaded it, the executor's worker.
 *
 * @throws INTERNAL in any other thread
 */
export function tensorflow(): TensorFlow {
  if (loaded === undefined) throw failure('INTERNAL', { reason: 'TensorFlow is called outside the executor thread' });
  return loaded;
}

/** Returns true if ops run on a GPU. */
export function usesGpu(): boolean {
  const backend = tensorflow().backend() as unknown as { isUsingGpuDevice: boolean };
  return backend.isUsingGpuDevice;
}
