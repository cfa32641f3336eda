import { setMaxListeners } from 'node:events';
import { maximumBlobBytes } from '@hyperswap/adapter';
import { failure, throwIfAborted } from '@hyperswap/errors';
import type { PredictHeader, PredictRequest, PredictResponse } from '@hyperswap/proto';
import type { AdapterRegistry, Backbones } from '@hyperswap/registry';
import { headerFirst, ResponseQueue, rowPieces, type CallContext } from '@hyperswap/rpc';
import type { BackboneConfig, BackboneDescription, PrecisionChoice } from '@hyperswap/spectralgpt';
import type { Precision, ProgramClient } from '@hyperswap/tensor';
import type { BackboneLoans } from './backbone-loans.js';
import { usualBindingBytes, type AdmittedAdapter, type BindingTable } from './binding-table.js';
import type { EngineWork } from './engine-batches.js';
import type { TileProgram } from './engine/program.js';
import { newPatchWork, patchesSize, patchValues } from './patch-work.js';
import { precisionChoice } from './precision.js';
import { PrivateBinding } from './private-binding.js';
import type { Reservation, Size } from './scheduler/memory-budget.js';
import { requirePatchwise } from './whole-scene-only.js';
import type { PatchScheduler, ScheduledFlow } from './scheduler/patch-scheduler.js';

export interface PredictContext {
  readonly backbones: Backbones;
  readonly registry: AdapterRegistry;
  readonly engine: ProgramClient<TileProgram>;
  readonly bindings: BindingTable;
  readonly scheduler: PatchScheduler<EngineWork>;
  readonly loans: BackboneLoans;
  /** The backbone that is served, for headers that name none. */
  readonly served: BackboneDescription & { readonly precision: Precision };
  /** Precision of headers that name none. */
  readonly precision: PrecisionChoice;
  /** Messages of all calls that have arrived and wait for room. */
  readonly waiting: WaitingMessages;
}

/** Limit of the messages that wait for room in the queue, in bytes. They are not part of the queue's budget yet. */
export class WaitingMessages {
  private bytes = 0;

  constructor(private readonly limit: number) {}

  /**
   * Reserves room for a message as soon as there is some.
   *
   * @throws QUEUE_FULL when too much waits; CANCELLED, DEADLINE
   */
  async reserve(flow: ScheduledFlow<EngineWork>, size: Size, signal: AbortSignal): Promise<Reservation> {
    if (this.bytes + size.bytes > this.limit) return flow.reserveNow(size);
    this.bytes += size.bytes;
    try {
      return await flow.reserve(size, signal);
    } finally {
      this.bytes -= size.bytes;
    }
  }
}

/** Target of a header. */
interface Target {
  readonly backbone: BackboneDescription;
  readonly precision: Precision;
  /** Version that is bound for all, or a binding for this call alone; undefined for features. */
  readonly adapter: AdmittedAdapter | PrivateBinding | undefined;
}

/** Bytes of a message of patches. */
const maximumPatchesBytes = 16 * 1024 ** 2;

/**
 * Runs one stream of patches, in their order. A message waits for room in the queue, and then takes its turn among the
 * work of all clients. A backbone that is not served is loaned while patches of the stream wait or run.
 *
 * @throws BACKBONE_NOT_FOUND, BACKBONE_TOO_LARGE, ADAPTER_NOT_FOUND, ADAPTER_BACKBONE, ADAPTER_INVALID, PATCHES_SHAPE,
 * FIELD_INVALID, QUEUE_FULL
 */
export function predict(
  context: PredictContext,
  requests: AsyncIterable<PredictRequest>,
  { signal }: CallContext,
): AsyncIterable<PredictResponse> {
  const responses = new ResponseQueue<PredictResponse>(({ values }) => values.byteLength);
  readPatches(context, requests, responses, signal).then(
    () => responses.end(),
    (error: unknown) => responses.fail(error),
  );
  return responses;
}

/** Starts each message on arrival when there is room, and ends when all messages are answered. */
async function readPatches(
  context: PredictContext,
  requests: AsyncIterable<PredictRequest>,
  responses: ResponseQueue<PredictResponse>,
  callSignal: AbortSignal,
): Promise<void> {
  const { header, rest } = await headerFirst(requests);
  const target = await findTarget(context, header);
  const { config } = target.backbone;
  const flow = context.scheduler.flow('interactive');
  const own = target.adapter instanceof PrivateBinding ? usualBindingBytes(config, target.precision) : 0;
  // The first failure ends the stream, and all that waits.
  const failed = new AbortController();
  const signal = AbortSignal.any([callSignal, failed.signal]);
  // Each waiting message adds a listener.
  setMaxListeners(0, signal);
  let answered = Promise.resolve();
  try {
    for await (const part of rest) {
      throwIfAborted(signal, 'Predicting');
      if (responses.closed) break;
      const images = checkPatches(part.value, config);
      // The message itself can be freed while its patches wait.
      part.value = Buffer.alloc(0);
      const reservation = await context.waiting.reserve(flow, patchesSize(images, config, own), signal);
      const rows = run(context, target, flow, images, reservation, signal);
      answered = Promise.all([answered, rows])
        .then(async ([, values]) => {
          const columns = (values.length * patchValues(config)) / images.length;
          for (const { count, bytes } of rowPieces(asBytes(values), 4 * columns)) {
            await responses.push({ count, columns, values: bytes });
          }
        })
        .finally(() => reservation.release());
      answered.catch((error: unknown) => failed.abort(error));
    }
  } finally {
    // Requests that have arrived are answered, no matter how the stream ends.
    await answered;
  }
}

async function findTarget(
  context: PredictContext,
  { backbone: wanted, precision: wantedPrecision, adapter }: PredictHeader,
): Promise<Target> {
  const { backbones, registry, engine, bindings, served } = context;
  const choice = precisionChoice(wantedPrecision, context.precision);
  const backbone = wanted === '' || wanted === served.name ? served : await backbones.describe(wanted);
  const precision =
    choice === 'auto' && backbone.digest === served.digest
      ? served.precision
      : await context.engine.call('precisionOf', { choice }, { urgent: true });
  if (adapter === undefined) return { backbone, precision, adapter: undefined };
  const bound = { backboneDigest: backbone.digest, precision };
  if (adapter.$case === 'blob') {
    const { value: blob } = adapter;
    if (blob.byteLength > maximumBlobBytes) {
      throw failure('FIELD_INVALID', { field: 'blob', reason: `it has more than ${maximumBlobBytes} bytes` });
    }
    const read = () => Promise.resolve({ reference: 'the adapter', blob, isOfPatches: true, ...bound });
    return { backbone, precision, adapter: new PrivateBinding(engine, read) };
  }
  const admitted = requirePatchwise(await bindings.admit(adapter.value));
  const isServed = backbone.digest === served.digest && precision === served.precision;
  if (isServed) return { backbone, precision, adapter: admitted };
  const { reference } = admitted;
  const read = async () => ({ reference, blob: await registry.readBlob(reference), ...bound });
  return { backbone, precision, adapter: new PrivateBinding(engine, read) };
}

/** Runs patches on their backbone and binding. @returns rows, `[patches, columns]` */
async function run(
  { bindings, loans, served }: PredictContext,
  { backbone, precision, adapter }: Target,
  flow: ScheduledFlow<EngineWork>,
  images: Float32Array,
  reservation: Reservation,
  signal: AbortSignal,
): Promise<Float32Array> {
  const { digest: backboneDigest, config } = backbone;
  const scheduled = async (name: string | undefined): Promise<Float32Array> => {
    const work = newPatchWork({ backboneDigest, precision, adapter: name }, images, config, served.config);
    await flow.run(work, reservation, signal);
    return work.rows;
  };
  return loans.use(backbone, precision, signal, async () => {
    if (adapter === undefined) return scheduled(undefined);
    if (adapter instanceof PrivateBinding) return adapter.use(() => scheduled(adapter.name));
    const bound = await bindings.acquire(adapter, signal);
    try {
      return await scheduled(bound.digest);
    } finally {
      bindings.release(bound);
    }
  });
}

/**
 * @throws FIELD_INVALID; PATCHES_SHAPE when the bytes are no whole number of patches, or hold NaN or infinite values
 */
function checkPatches(bytes: Buffer, config: BackboneConfig): Float32Array {
  const { components, imageSize } = config;
  const wanted = `[${components}, ${imageSize}, ${imageSize}]`;
  const refuse = (found: string): Error => failure('PATCHES_SHAPE', { file: 'the request', found, wanted });
  if (bytes.byteLength > maximumPatchesBytes) {
    const reason = `${bytes.byteLength} bytes are more than the ${maximumPatchesBytes} of a message; send fewer patches in more messages`;
    throw failure('FIELD_INVALID', { field: 'patches', reason });
  }
  if (bytes.byteLength === 0 || bytes.byteLength % (4 * patchValues(config)) !== 0) {
    throw refuse(`${bytes.byteLength} bytes`);
  }
  const images = new Float32Array(new Uint8Array(bytes).buffer);
  // NaN and infinite values make the sum NaN: one pass is a few milliseconds.
  let sum = 0;
  for (const value of images) sum += value * 0;
  if (sum !== 0) throw refuse('NaN or infinite values');
  return images;
}

function asBytes({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
