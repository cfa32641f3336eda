/** The worker thread that owns TensorFlow. It imports programs and runs their methods, one step at a time. */
import { parentPort, receiveMessageOnPort, type Transferable } from 'node:worker_threads';
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { failure, serializeError, throwIfAborted } from '@hyperswap/errors';
import { binding, liveTensors } from '../device/device-tensor.js';
import { chooseKernels } from '../device/kernels.js';
import { loadTensorFlow, tensorflow, usesGpu } from '../tensorflow.js';
import type { EngineDescription, Reply, Request } from './messages.js';
import { RequestQueue, type Answerable } from './request-queue.js';
import { Moved, type MethodContext, type Program } from './program.js';

if (parentPort === null)
  throw failure('INTERNAL', { reason: 'the executor worker was started outside a worker thread' });
const port = parentPort;
const programs = new Map<string, Program>();
const cancellations = new Map<number, AbortController>();
const waiting = new RequestQueue();

port.on('message', (request: Request) => {
  arrive(request);
});

function arrive(request: Request): void {
  if (request.kind === 'cancel') {
    cancellations.get(request.id)?.abort();
    return;
  }
  if (request.kind === 'call') cancellations.set(request.id, new AbortController());
  waiting.add(request);
  // One request per turn of the event loop, so that paused long methods can continue in between.
  setImmediate(answerNext);
}

/** Reads messages that arrived during a method: urgent calls, or cancellations of waiting calls. */
function takeArrivals(): void {
  for (let arrived; (arrived = receiveMessageOnPort(port)) !== undefined;) arrive(arrived.message as Request);
}

function answerNext(): void {
  takeArrivals();
  const request = waiting.take();
  if (request !== undefined) void answer(request);
}

async function letUrgentPass(): Promise<void> {
  takeArrivals();
  for (let request; (request = waiting.takeUrgent()) !== undefined;) await answer(request);
}

async function answer(request: Answerable): Promise<void> {
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
  } finally {
    cancellations.delete(id);
  }
}

async function call({ id, program, method, args, traceparent }: Request & { kind: 'call' }): Promise<void> {
  const implementation = programs.get(program)?.[method];
  if (implementation === undefined) throw failure('INTERNAL', { reason: `${program} has no method ${method}` });
  const { signal } = cancellations.get(id)!;
  throwIfAborted(signal, 'A call to the engine');
  const context: MethodContext = {
    signal,
    progress: (value) => {
      send({ kind: 'progress', id, value });
    },
    pause: () => nextTurn(),
    letUrgentPass,
  };
  const start = performance.now();
  let value: unknown;
  try {
    value = await implementation(args as never, context);
  } finally {
    if (traceparent !== undefined) {
      const [startedAt, endedAt] = [start, performance.now()].map((time) => performance.timeOrigin + time);
      send({ kind: 'span', id, name: method, traceparent, startedAt: startedAt!, endedAt: endedAt! });
    }
  }
  if (value instanceof Moved) send({ kind: 'result', id, value: value.value as unknown }, value.buffers);
  else send({ kind: 'result', id, value });
}

function send(reply: Reply, buffers: readonly ArrayBufferLike[] = []): void {
  port.postMessage(reply, buffers as Transferable[]);
}

function describe(): EngineDescription {
  const tf = tensorflow();
  const { fused, speeds } = chooseKernels();
  return {
    tensorflow: binding().TF_Version,
    tfjs: tf.version_core,
    device: usesGpu() ? 'gpu' : 'cpu',
    threads: availableParallelism(),
    liveTensors: liveTensors(),
    residentBytes: process.memoryUsage.rss(),
    fusedKernels: fused,
    speeds,
  };
}
