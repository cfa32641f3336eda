import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startHost, type Host, type HostParts } from '@hyperswap/host';
import { loadConfig, serviceNames } from '@hyperswap/config';
import {
  AdapterFormat,
  AdapterServiceClient,
  BackboneServiceClient,
  JobServiceClient,
  openInference,
  PixelType,
  Reduction,
  Retention,
  SceneJobServiceClient,
  SceneServiceClient,
  TileServiceClient,
  TrainingServiceClient,
  type AdapterVersion,
  type PrepareSceneHeader,
  type PrepareSceneRequest,
  type RasterInfo,
  type RegisterAdapterRequest,
  type RegisterAdapterResponse,
  type Scene,
  type SceneJob,
  type Signature,
  type StartTrainingRequest,
  type TrainingFinished,
} from '@hyperswap/proto';
import { callUnary, connect, exchange, readStream, upload, type ClientAccess } from '@hyperswap/rpc';
import { bytesInMemory, placeWindow, writeNpy, type NumericArray } from '@hyperswap/raster';
import { labelsFrom, readRaster } from './rasters.js';
import { temporaryFolder } from './temporary-folder.js';
import { createLogger } from '@hyperswap/telemetry';
import { Random } from '@hyperswap/random';

/** Clients of all services. */
export interface ServiceClients {
  readonly scenes: SceneServiceClient;
  readonly trainings: TrainingServiceClient;
  readonly backbones: BackboneServiceClient;
  readonly adapters: AdapterServiceClient;
  readonly sceneJobs: SceneJobServiceClient;
  readonly tiles: TileServiceClient;
  readonly jobs: JobServiceClient;
  readonly inference: openInference.GRPCInferenceServiceClient;
}

/** All services in this process, on a free port. */
export interface Services extends ServiceClients {
  readonly host: Host;
  readonly home: string;
  stop(): Promise<void>;
}

/** Connects clients of all services to an endpoint, and returns a function that closes them. */
export function connectAll(
  endpoint: string,
  access: ClientAccess = {},
): ServiceClients & { readonly close: () => void } {
  const clients = {
    scenes: connect(SceneServiceClient, endpoint, access),
    trainings: connect(TrainingServiceClient, endpoint, access),
    backbones: connect(BackboneServiceClient, endpoint, access),
    adapters: connect(AdapterServiceClient, endpoint, access),
    sceneJobs: connect(SceneJobServiceClient, endpoint, access),
    tiles: connect(TileServiceClient, endpoint, access),
    jobs: connect(JobServiceClient, endpoint, access),
    inference: connect(openInference.GRPCInferenceServiceClient, endpoint, access),
  };
  const close = (): void => {
    for (const client of Object.values(clients)) client.close();
  };
  return { ...clients, close };
}

/** Folder of the web console's files. */
export const site = path.dirname(fileURLToPath(import.meta.resolve('@hyperswap/console/site/index.html')));

/** Starts all services. @param parts beside them, as the gateway */
export async function startServices(
  flags: Record<string, unknown> = {},
  given?: string,
  access: ClientAccess = {},
  parts: HostParts = {},
): Promise<Services> {
  const home = given ?? (await temporaryFolder('test'));
  const config = loadConfig({ flags: { home, port: 0, logLevel: 'silent', ...flags } });
  const host = await startHost(config, serviceNames, createLogger('silent', 'test'), parts);
  const { close, ...clients } = connectAll(host.server.endpoint, access);
  return {
    host,
    home,
    ...clients,
    stop: async () => {
      close();
      await host.stop(2000);
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

/** Generates three stripes of materials with noise, easy to tell apart; all rows but the last ones are labelled. */
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

/** Raster of pixels that a test sends. */
export function rasterInfo(info: Pick<RasterInfo, 'height' | 'width' | 'bands'> & Partial<RasterInfo>): RasterInfo {
  return {
    pixelType: PixelType.PIXEL_TYPE_UINT16,
    wavelengths: [],
    fullWidths: [],
    goodBands: [],
    nodata: undefined,
    zeroIsNodata: false,
    scale: undefined,
    offset: undefined,
    georeference: undefined,
    ...info,
  };
}

const pixelTypes = new Map<string, PixelType>([
  ['Uint8Array', PixelType.PIXEL_TYPE_UINT8],
  ['Uint16Array', PixelType.PIXEL_TYPE_UINT16],
  ['Int16Array', PixelType.PIXEL_TYPE_INT16],
  ['Float32Array', PixelType.PIXEL_TYPE_FLOAT32],
  ['Float64Array', PixelType.PIXEL_TYPE_FLOAT64],
]);

/**
 * Prepares a scene from the bytes of its file and, optionally, of a labels file, read as the command line reads them.
 */
export async function prepare(
  { scenes }: Pick<ServiceClients, 'scenes'>,
  header: Partial<PrepareSceneHeader>,
  file: Uint8Array,
  labels?: Uint8Array,
): Promise<Scene> {
  const { info, values } = await readRaster('toy.npy', { axes: 'bands-last' }, file);
  const truth = labels && (await labelsFrom(bytesInMemory('labels.npy', labels), info)).labels;
  const { height, width, bands } = info;
  const full: PrepareSceneHeader = {
    name: 'toy',
    raster: rasterInfo({ height, width, bands, pixelType: pixelTypes.get(values.constructor.name)! }),
    labelMaps: truth === undefined ? [] : ['truth'],
    classes: [],
    attribution: '',
    retention: Retention.RETENTION_KEEP,
    reduction: Reduction.REDUCTION_PCA,
    resumeJob: '',
    pcaOf: '',
    ...header,
  };
  // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
  async function* requests(): AsyncGenerator<PrepareSceneRequest> {
    yield { part: { $case: 'header', value: full } };
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    const rowBytes = bytes.byteLength / height;
    for (let row = 0; row < height; row += 7) {
      yield { part: { $case: 'pixels', value: { row, values: bytes.subarray(row * rowBytes, (row + 7) * rowBytes) } } };
    }
    for (let row = 0; truth !== undefined && row < height; row += 5) {
      const block = Buffer.from(truth.subarray(row * width, (row + 5) * width));
      yield { part: { $case: 'labels', value: { labelMap: 'truth', row, labels: block } } };
    }
  }
  let scene: Scene | undefined;
  for await (const { event } of exchange(scenes, scenes.prepareScene(), requests())) {
    if (event?.$case === 'scene') scene = event.value;
  }
  return scene!;
}

/** Reads a label map of a scene, `[height, width]`; an empty name merges all of them. */
export async function labelsOf(
  { scenes }: Pick<ServiceClients, 'scenes'>,
  { name, raster }: Scene,
  labelMap: string,
): Promise<Uint8Array> {
  const all = new Uint8Array(raster!.height * raster!.width);
  const call = scenes.readLabels({ scene: name, labelMap, window: undefined });
  for await (const { window, labels } of readStream(scenes, call)) placeWindow(all, raster!.width, window!, labels);
  return all;
}

/** Reads labels and confidence of a finished scene job. */
export async function readMapOf({ sceneJobs }: Pick<ServiceClients, 'sceneJobs'>, job: SceneJob): Promise<Buffer> {
  const { height, width, status } = job;
  const labels = new Uint8Array(height * width);
  const confidence = new Uint8Array(height * width);
  const call = sceneJobs.readMap({ job: status!.job, outputs: [], window: undefined, smoothingReach: 0 });
  for await (const { event } of readStream(sceneJobs, call)) {
    if (event?.$case !== 'rows') continue;
    placeWindow(labels, width, event.value.window!, event.value.labels);
    placeWindow(confidence, width, event.value.window!, event.value.confidence);
  }
  return Buffer.concat([labels, confidence]);
}

/** Prepares the toy scene under a name. */
export function prepareToy(services: Pick<ServiceClients, 'scenes'>, name = 'toy', toy = toyScene()): Promise<Scene> {
  const { height, width, bands, values, labels } = toy;
  return prepare(services, { name }, npy([height, width, bands], values), npy([height, width], labels));
}

/** Returns a training request for the toy scene, with few epochs. */
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
  { trainings }: Pick<ServiceClients, 'trainings'>,
  request: Partial<StartTrainingRequest>,
  defaults?: Record<string, string>,
): Promise<TrainingFinished> {
  const full = trainingRequest(request, defaults);
  const { training } = await callUnary(trainings, 'startTraining', full);
  for await (const { event } of readStream(trainings, trainings.watchTraining({ training }))) {
    if (event?.$case === 'finished') return event.value;
  }
  throw new Error('the training ended without a result');
}

/** Registers a blob as an adapter's next version. */
export async function registerBlob(
  { adapters }: Pick<ServiceClients, 'adapters'>,
  name: string,
  blob: Uint8Array,
  fileName = 'adapter.safetensors',
  signature?: Signature,
): Promise<AdapterVersion> {
  const format = AdapterFormat.ADAPTER_FORMAT_HYPERSWAP;
  // eslint-disable-next-line @typescript-eslint/require-await -- the upload takes an async iterable
  async function* requests(): AsyncGenerator<RegisterAdapterRequest> {
    yield { part: { $case: 'header', value: { signature, name, fileName, format, like: '' } } };
    yield { part: { $case: 'chunk', value: { file: 'adapter.safetensors', content: Buffer.from(blob) } } };
  }
  const { adapter } = await upload<RegisterAdapterRequest, RegisterAdapterResponse>(
    adapters,
    (callback) => adapters.registerAdapter(callback),
    requests(),
  );
  return adapter!;
}

/** Exports the blob of a registered adapter. */
export async function exportBlob({ adapters }: Pick<ServiceClients, 'adapters'>, adapter: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const call = adapters.exportAdapter({ adapter, format: AdapterFormat.ADAPTER_FORMAT_HYPERSWAP });
  for await (const { chunk } of readStream(adapters, call)) chunks.push(chunk!.content);
  return Buffer.concat(chunks);
}
