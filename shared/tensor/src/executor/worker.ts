/** The worker thread that owns TensorFlow. It imports programs and runs their methods, one step at a time. */
import { parentPort, type Transferable } from 'node:worker_threads';
import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { failure, serializeError } from '@hyperswap/errors';
import { binding, liveTensors } from '../device/device-tensor.js';
import { chooseKernels } from '../device/kernels.js';
import { loadTensorFlow, tensorflow, usesGpu } from '../tensorflow.js';
import type { EngineDescription, Reply, Request } from './messages.js';
import { Moved, type MethodContext, type Program } from './program.js';

if (parentPort === null)
  throw failure('INTERNAL', { reason: 'the executor worker was started outside a worker thread' });
const port = parentPort;
const programs = new Map<string, Program>();
const running = new Map<number, AbortController>();

port.on('message', (request: Request) => {
  void answer(request);
});

async function answer(request: Request): Promise<void> {
  if (request.kind === 'cancel') {
    running.get(request.id)?.abort();
    return;
  }
  const { id } = request;
  try {
    switch (request.kind) {
      case 'load': {
        loadTensorFlow();
        const module = (await import(request.program)) as { readonly default: Program };
        programs.set(request.program, module.default);
        send({ kind: 'result', id, value: undefined });
        break;
      }
      case 'describe':
        send({ kind: 'result', id, value: describe() });
        break;
      case 'call':
        await call(request);
        break;
    }
  } catch (error) {
    send({ kind: 'error', id, error: serializeError(error) });
  }
}

async function call({ id, program, method, args }: Request & { kind: 'call' }): Promise<void> {
  const implementation = programs.get(program)?.[method];
  if (implementation === undefined) throw failure('INTERNAL', { reason: `${program} has no method ${method}` });
  const controller = new AbortController();
  running.set(id, controller);
  const context: MethodContext = {
    signal: controller.signal,
    progress: (value) => {
      send({ kind: 'progress', id, value });
    },
    pause: () => setImmediate(),
  };
  try {
    const value = await implementation(args as never, context);
    if (value instanceof Moved) send({ kind: 'result', id, value: value.value as unknown }, value.buffers);
    else send({ kind: 'result', id, value });
  } finally {
    running.delete(id);
  }
}

function send(reply: Reply, buffers: readonly ArrayBufferLike[] = []): void {
  port.postMessage(reply, buffers as Transferable[]);
}

function describe(): EngineDescription {
  const tf = tensorflow();
  const { fused, precision, speeds } = chooseKernels();
  return {
    tensorflow: binding().TF_Version,
    tfjs: tf.version_core,
    device: usesGpu() ? 'gpu' : 'cpu',
    threads: availableParallelism(),
    liveTensors: liveTensors(),
    residentBytes: process.memoryUsage.rss(),
    fusedKernels: fused,
    precision,
    speeds,
  };
}
