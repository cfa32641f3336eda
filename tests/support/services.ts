import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startHost, type Host } from '@hyperswap/host';
import { loadConfig, serviceNames } from '@hyperswap/config';
import {
  AxisOrder,
  PreprocessingServiceClient,
  Reduction,
  Retention,
  TileInferenceServiceClient,
  TrainerServiceClient,
  type AdapterVersion,
  type PrepareSceneHeader,
  type PrepareSceneRequest,
  type RegisterAdapterRequest,
  type RegisterAdapterResponse,
  type Scene,
  type Signature,
  type StartTrainingRequest,
  type TrainingFinished,
} from '@hyperswap/proto';
import { callUnary, connect, exchange, readStream, upload, type ClientAccess } from '@hyperswap/rpc';
import { writeNpy, type NumericArray } from '@hyperswap/raster';
import { createLogger } from '@hyperswap/telemetry';
import { Random } from '@hyperswap/random';

/** Clients of the three services. */
export interface ServiceClients {
  readonly preprocessing: PreprocessingServiceClient;
  readonly trainer: TrainerServiceClient;
  readonly tileInference: TileInferenceServiceClient;
}

/** All services in this process, on a free port. */
export interface Services extends ServiceClients {
  readonly host: Host;
  readonly home: string;
  stop(): Promise<void>;
}

/** Clients of the services at an endpoint, and the way to close them. */
export function connectAll(
  endpoint: string,
  access: ClientAccess = {},
): ServiceClients & { readonly close: () => void } {
  const clients = {
    preprocessing: connect(PreprocessingServiceClient, endpoint, access),
    trainer: connect(TrainerServiceClient, endpoint, access),
    tileInference: connect(TileInferenceServiceClient, endpoint, access),
  };
  const close = (): void => {
    for (const client of Object.values(clients)) client.close();
  };
  return { ...clients, close };
}

export async function startServices(
  flags: Record<string, unknown> = {},
  given?: string,
  access: ClientAccess = {},
): Promise<Services> {
  const home = given ?? (await mkdtemp(path.join(tmpdir(), 'hyperswap-test-')));
  const config = loadConfig({ flags: { home, port: 0, logLevel: 'silent', ...flags } });
  const host = await startHost(config, serviceNames, createLogger('silent', 'test'));
  const { close, ...clients } = connectAll(host.server.endpoint, access);
  return {
    host,
    home,
    ...clients,
    stop: async () => {
      close();
      await host.stop(2000);
      if (given === undefined) await rm(home, { recursive: true, force: true });
    },
  };
}

export interface ToyScene {
  readonly height: number;
  readonly width: number;
  readonly bands: number;
  readonly values: Uint16Array;
  readonly labels: Uint8Array;
}

/** Three stripes of materials with noise, easy to tell apart; labels everywhere but in the last rows. */
export function toyScene(height = 24, width = 30, bands = 16, seed = 1): ToyScene {
  const random = new Random(seed);
  const spectra = Array.from({ length: 3 }, () => Array.from({ length: bands }, () => 2000 + 800 * random.uniform()));
  const values = new Uint16Array(height * width * bands);
  const labels = new Uint8Array(height * width);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const material = Math.floor((3 * (pixel % width)) / width);
    for (let band = 0; band < bands; band++) {
      values[pixel * bands + band] = Math.round(spectra[material]![band]! + 60 * random.normal());
    }
    labels[pixel] = Math.floor(pixel / width) < height - 4 ? material + 1 : 0;
  }
  return { height, width, bands, values, labels };
}

export const npy = (shape: number[], values: NumericArray): Buffer => Buffer.from(writeNpy({ shape, values }));

/** Prepares a scene from the bytes of its file and, perhaps, of a labels file. */
export async function prepare(
  { preprocessing }: Pick<ServiceClients, 'preprocessing'>,
  header: Partial<PrepareSceneHeader>,
  file: Uint8Array,
  labels?: Uint8Array,
): Promise<Scene> {
  const full: PrepareSceneHeader = {
    name: 'toy',
    fileName: 'toy.npy',
    variable: '',
    labels: labels === undefined ? [] : [{ name: 'truth', fileName: 'labels.npy', variable: '', inSceneFile: false }],
    classes: [],
    attribution: '',
    retention: Retention.RETENTION_KEEP,
    axisOrder: AxisOrder.AXIS_ORDER_HEIGHT_WIDTH_BANDS,
    reduction: Reduction.REDUCTION_PCA,
    ...header,
  };
  // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
  async function* requests(): AsyncGenerator<PrepareSceneRequest> {
    yield { part: { $case: 'header', value: full } };
    for (const [index, content] of [file, ...(labels === undefined ? [] : [labels])].entries()) {
      for (let start = 0; start < content.byteLength; start += 100_000) {
        const chunk = Buffer.from(content.subarray(start, start + 100_000));
        yield { part: { $case: 'chunk', value: { file: index, content: chunk } } };
      }
    }
  }
  let scene: Scene | undefined;
  for await (const { event } of exchange(preprocessing, preprocessing.prepareScene(), requests())) {
    if (event?.$case === 'scene') scene = event.value;
  }
  return scene!;
}

/** Prepares the toy scene under a name. */
export function prepareToy(
  services: Pick<ServiceClients, 'preprocessing'>,
  name = 'toy',
  toy = toyScene(),
): Promise<Scene> {
  const { height, width, bands, values, labels } = toy;
  return prepare(services, { name }, npy([height, width, bands], values), npy([height, width], labels));
}

/** A training of the toy scene, of few epochs. */
export function trainingRequest(
  request: Partial<StartTrainingRequest>,
  defaults: Record<string, string> = { epochs: '4' },
): StartTrainingRequest {
  return {
    scene: 'toy',
    method: 'linear-probe',
    adapter: 'toy',
    backbone: '',
    split: { kind: { $case: 'perClass', value: { labelMap: '', count: 12, smallCount: 4, seed: 1, counts: [] } } },
    seed: 1,
    patchSize: 9,
    preset: '',
    choosePatchSize: false,
    resume: false,
    validateOnly: false,
    ...request,
    settings: { ...defaults, ...request.settings },
  };
}

/** Trains on a prepared scene and waits for the end. */
export async function train(
  { trainer }: Pick<ServiceClients, 'trainer'>,
  request: Partial<StartTrainingRequest>,
  defaults?: Record<string, string>,
): Promise<TrainingFinished> {
  const full = trainingRequest(request, defaults);
  const { training } = await callUnary(trainer, 'startTraining', full);
  for await (const { event } of readStream(trainer, trainer.watchTraining({ training }))) {
    if (event?.$case === 'finished') return event.value;
  }
  throw new Error('the training ended without a result');
}

/** Registers a blob as an adapter's next version. */
export async function registerBlob(
  { tileInference }: Pick<ServiceClients, 'tileInference'>,
  name: string,
  blob: Uint8Array,
  fileName = 'adapter.safetensors',
  signature?: Signature,
): Promise<AdapterVersion> {
  // eslint-disable-next-line @typescript-eslint/require-await -- the upload takes an async iterable
  async function* requests(): AsyncGenerator<RegisterAdapterRequest> {
    yield { part: { $case: 'header', value: { signature, name, fileName } } };
    yield { part: { $case: 'chunk', value: Buffer.from(blob) } };
  }
  const { adapter } = await upload<RegisterAdapterRequest, RegisterAdapterResponse>(
    tileInference,
    (callback) => tileInference.registerAdapter(callback),
    requests(),
  );
  return adapter!;
}

/** The blob of a registered adapter. */
export async function exportBlob(
  { tileInference }: Pick<ServiceClients, 'tileInference'>,
  adapter: string,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const call = tileInference.exportAdapter({ adapter });
  for await (const { chunk } of readStream(tileInference, call)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
