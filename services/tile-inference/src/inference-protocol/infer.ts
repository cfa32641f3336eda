import { setMaxListeners } from 'node:events';
import { failure, throwIfAborted, toHyperswapError } from '@hyperswap/errors';
import type { openInference } from '@hyperswap/proto';
import { ResponseQueue, type CallContext } from '@hyperswap/rpc';
import { readManifest } from '@hyperswap/scene';
import type { ObjectStore } from '@hyperswap/storage';
import type { AdmittedAdapter } from '../binding-table.js';
import type { EngineWork } from '../engine-batches.js';
import type { Reservation, Size } from '../scheduler/memory-budget.js';
import type { ScheduledFlow } from '../scheduler/patch-scheduler.js';
import type { TileClassifier } from '../tile-classifier.js';
import { requirePatchwise } from '../whole-scene-only.js';
import { checkInput, type CheckedInput } from './check-input.js';
import { readInput } from './input-tensor.js';
import type { Models } from './models.js';
import { wantedOutputs, writeOutputs, type OutputName } from './output-tensors.js';
import { booleanParameter, countParameter, parameter, textParameter } from './parameters.js';

type Request = openInference.ModelInferRequest;
type Response = openInference.ModelInferResponse;
type StreamResponse = openInference.ModelStreamInferResponse;
type Flow = ScheduledFlow<EngineWork>;
type Reserve = (flow: Flow, size: Size, signal: AbortSignal) => Reservation | Promise<Reservation>;

export interface InferContext {
  readonly store: ObjectStore;
  readonly models: Models;
  readonly tiles: TileClassifier;
}

/** Longest identifier of a request, which comes back with its response. */
const maximumIdBytes = 200;
/** Longest time that a request can ask for in its parameter `timeout`, in microseconds: an hour. */
const maximumTimeout = 3_600_000_000;

/** Validated request, with the version that its model name meant on arrival. */
interface AdmittedRequest {
  readonly request: Request;
  readonly adapter: AdmittedAdapter;
  readonly input: CheckedInput;
  readonly outputs: readonly OutputName[];
  readonly typed: boolean;
}

/**
 * Classifies one request. All unary requests of a connection are one flow; one for which there is no room is refused at
 * once.
 *
 * @throws QUEUE_FULL, TENSOR_INVALID, FIELD_INVALID, PCA_MISMATCH, ADAPTER_NOT_FOUND, ADAPTER_RETIRED,
 * ADAPTER_BACKBONE, CANCELLED, DEADLINE
 */
export async function infer(
  context: InferContext,
  request: Request,
  { signal, peer }: Pick<CallContext, 'signal' | 'peer'>,
): Promise<Response> {
  return context.tiles.withSharedFlow('interactive', peer, (flow) =>
    withTimeout(request, signal, async (limited) => {
      const admitted = await admit(context, request);
      return run(context, admitted, flow, limited, (wanted, size) => wanted.reserveNow(size));
    }),
  );
}

/**
 * Classifies a stream of requests, which is one flow. The next request is read when there is room for it. A request
 * that fails is answered with its error, and the stream continues.
 */
export function streamInfer(
  context: InferContext,
  requests: AsyncIterable<Request>,
  { signal }: Pick<CallContext, 'signal'>,
): AsyncIterable<StreamResponse> {
  // Each waiting request adds a listener.
  setMaxListeners(0, signal);
  const responses = new ResponseQueue<StreamResponse>(bytesOf);
  readRequests(context, requests, responses, signal).then(
    () => responses.end(),
    (error: unknown) => responses.fail(error),
  );
  return responses;
}

async function readRequests(
  context: InferContext,
  requests: AsyncIterable<Request>,
  responses: ResponseQueue<StreamResponse>,
  signal: AbortSignal,
): Promise<void> {
  const flow = context.tiles.flow();
  const open = new Set<Promise<void>>();
  try {
    for await (const request of requests) {
      throwIfAborted(signal, 'Classifying requests');
      if (responses.closed) break;
      let hasRoom: () => void = () => undefined;
      const reserved = new Promise<void>((resolve) => (hasRoom = resolve));
      const reserve: Reserve = async (wanted, size, limited) => {
        const reservation = await wanted.reserve(size, limited);
        hasRoom();
        return reservation;
      };
      const work = withTimeout(request, signal, async (limited) =>
        run(context, await admit(context, request), flow, limited, reserve, (response) =>
          responses.push({ errorMessage: '', inferResponse: response }),
        ),
      )
        .then(
          () => undefined,
          (error: unknown) => {
            // The stream ends with the error that ended all its requests.
            if (signal.aborted) {
              responses.fail(error);
              return undefined;
            }
            return responses.push(streamError(request, error));
          },
        )
        .finally(() => {
          hasRoom();
          open.delete(work);
        });
      open.add(work);
      await reserved;
    }
  } finally {
    // Requests that have come are answered, whatever ends the stream.
    await Promise.all(open);
  }
}

/**
 * Resolves and validates a request. A refused request is counted.
 *
 * @throws errors of `check` and `Models.admit`, FIELD_INVALID
 */
async function admit(context: InferContext, request: Request): Promise<AdmittedRequest> {
  const start = performance.now();
  let adapter: AdmittedAdapter | undefined;
  try {
    const { modelName: name, modelVersion: version, parameters } = request;
    if (Buffer.byteLength(request.id) > maximumIdBytes) {
      throw failure('FIELD_INVALID', { field: 'id', reason: `it has more than ${maximumIdBytes} bytes` });
    }
    adapter = await context.models.admit({ name, version, alias: textParameter(parameters, 'alias') });
    requirePatchwise(adapter);
    return await check(context, request, adapter);
  } catch (error) {
    context.tiles.refused(adapter, error, performance.now() - start);
    throw error;
  }
}

/** Checks a request against its adapter. @throws FIELD_INVALID, TENSOR_INVALID, PCA_MISMATCH, SCENE_NOT_FOUND */
async function check({ store }: InferContext, request: Request, adapter: AdmittedAdapter): Promise<AdmittedRequest> {
  const { parameters } = request;
  const outputs = wantedOutputs(request.outputs);
  const tensor = readInput(request);
  const scene = textParameter(parameters, 'scene');
  const prepared =
    scene === undefined ? undefined : { name: scene, pcaDigest: (await readManifest(store, scene)).pcaDigest };
  const input = checkInput(tensor, adapter, prepared);
  const typed = booleanParameter(parameters, 'binary_data_output') === false;
  return { request, adapter, input, outputs, typed };
}

/**
 * Classifies an admitted request.
 *
 * @param reserve gets the request room
 * @param deliver takes the response while its bytes are still reserved
 */
async function run(
  { tiles, models }: InferContext,
  { request, adapter, input: { tile, resultShape }, outputs, typed }: AdmittedRequest,
  flow: Flow,
  signal: AbortSignal,
  reserve: Reserve,
  deliver: (response: Response) => void | Promise<void> = () => undefined,
): Promise<Response> {
  const probabilities = outputs.includes('probabilities');
  const start = performance.now();
  const size = tiles.sizeOf(tile, adapter, probabilities);
  const reservation = await Promise.resolve()
    .then(() => reserve(flow, size, signal))
    .catch((error: unknown) => {
      tiles.refused(adapter, error, performance.now() - start);
      throw error;
    });
  try {
    const classified = await tiles.classify(flow, tile, adapter, reservation, probabilities, signal);
    const { times } = classified;
    const response: Response = {
      modelName: request.modelName,
      modelVersion: adapter.reference.slice(adapter.reference.indexOf('@') + 1),
      id: request.id,
      parameters: {
        adapter_version: parameter(adapter.reference),
        adapter_digest: parameter(adapter.digest),
        backbone_digest: parameter(models.backboneDigest),
        queue_us: parameter(1000 * times.queued),
        compute_us: parameter(1000 * times.engine),
      },
      ...writeOutputs(outputs, classified, resultShape, typed),
    };
    await deliver(response);
    return response;
  } finally {
    reservation.release();
  }
}

/** Runs something within the time that a request's parameter `timeout` gives it, in microseconds; 0 is no bound. */
async function withTimeout<Result>(
  { parameters }: Request,
  signal: AbortSignal,
  use: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const microseconds = countParameter(parameters, 'timeout', maximumTimeout) ?? 0;
  if (microseconds === 0) return use(signal);
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(failure('DEADLINE', { what: 'The request' }));
  }, microseconds / 1000);
  try {
    return await use(AbortSignal.any([signal, controller.signal]));
  } finally {
    clearTimeout(timer);
  }
}

function streamError({ modelName, modelVersion, id }: Request, error: unknown): StreamResponse {
  return {
    errorMessage: toHyperswapError(error).message,
    inferResponse: {
      modelName,
      modelVersion,
      id: Buffer.byteLength(id) > maximumIdBytes ? '' : id,
      parameters: {},
      outputs: [],
      rawOutputContents: [],
    },
  };
}

function bytesOf({ inferResponse }: StreamResponse): number {
  const { rawOutputContents: raw = [], outputs = [] } = inferResponse ?? {};
  const typed = outputs.flatMap(({ contents }) => [
    contents?.uintContents.length ?? 0,
    4 * (contents?.fp32Contents.length ?? 0),
  ]);
  return [...raw.map(({ byteLength }) => byteLength), ...typed].reduce((sum, bytes) => sum + bytes, 0);
}
