/** Uploads of scenes, row by row, that can be left in the middle. */
import {
  Reduction,
  Retention,
  type PreparationAccepted,
  type PrepareSceneHeader,
  type PrepareSceneRequest,
  type PrepareSceneResponse,
  type Scene,
} from '@hyperswap/proto';
import { exchange } from '@hyperswap/rpc';
import { rasterInfo, type ServiceClients } from './services.js';

type Scenes = Pick<ServiceClients, 'scenes'>;

/** Scene whose rows are made when they are sent. */
export interface RowSource {
  readonly header: PrepareSceneHeader;
  /** Rows of pixels of one message. */
  readonly step: number;
  /** Returns the bytes of `count` rows. */
  pixels(row: number, count: number): Buffer;
  /** Returns the bytes of `count` rows of a label map. */
  labels?(map: string, row: number, count: number): Buffer;
}

/** Returns a header of uint16 pixels; what is left out has the usual value. */
export function sceneHeader(
  name: string,
  size: { readonly height: number; readonly width: number; readonly bands: number },
  more: Partial<PrepareSceneHeader> = {},
): PrepareSceneHeader {
  return {
    name,
    raster: rasterInfo(size),
    labelMaps: [],
    classes: [],
    attribution: '',
    retention: Retention.RETENTION_KEEP,
    reduction: Reduction.REDUCTION_PCA,
    resumeJob: '',
    pcaOf: '',
    ...more,
  };
}

/** Returns a scene whose values follow from their place. */
export function madeUpScene(
  name: string,
  size: { readonly height: number; readonly width: number; readonly bands: number },
  more: Partial<PrepareSceneHeader> = {},
): RowSource {
  const { height, width, bands } = size;
  // A few materials with noise: enough of both, and quick to make.
  const period = 4099;
  const noise = Uint16Array.from({ length: period + bands }, (_, i) => (i * 7919) % 997);
  return {
    header: sceneHeader(name, size, more),
    step: Math.max(1, Math.min(height, Math.floor(1024 ** 2 / (width * bands * 2)))),
    pixels: (row, count) => {
      const values = new Uint16Array(count * width * bands);
      for (let pixel = 0; pixel < count * width; pixel++) {
        const place = row * width + pixel;
        const material = Math.floor(place / 37) % 5;
        for (let band = 0; band < bands; band++) {
          const spectrum = 2000 + 300 * material + ((band * (material + 3) * 13) % 1500);
          values[pixel * bands + band] = spectrum + noise[((place * 31) % period) + band]!;
        }
      }
      return Buffer.from(values.buffer);
    },
    labels: (_, row, count) =>
      Buffer.from(Uint8Array.from({ length: count * width }, (__, i) => (Math.floor((row * width + i) / 37) % 5) + 1)),
  };
}

/** Outcome of a call. */
export interface UploadOutcome {
  readonly accepted: PreparationAccepted | undefined;
  readonly scene: Scene | undefined;
  /** Stages that were told. */
  readonly stages: ReadonlySet<string>;
}

export interface UploadOptions {
  /** Job to continue. */
  readonly resumeJob?: string;
  /** Called before each message of pixels; false leaves the call, as a lost connection does. */
  readonly goOn?: (row: number, accepted: PreparationAccepted) => boolean | Promise<boolean>;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: NonNullable<PrepareSceneResponse['event']>) => void;
}

/** Sends a scene from the row that the server names, and waits for the end. @throws errors of the service */
export async function send({ scenes }: Scenes, source: RowSource, options: UploadOptions = {}): Promise<UploadOutcome> {
  const { resumeJob = '', goOn = () => true, onEvent = () => undefined } = options;
  const { height = 0 } = source.header.raster ?? {};
  const leaving = new AbortController();
  let accept: (accepted: PreparationAccepted) => void = () => undefined;
  const acceptance = new Promise<PreparationAccepted>((resolve) => {
    accept = resolve;
  });
  async function* requests(): AsyncGenerator<PrepareSceneRequest> {
    yield { part: { $case: 'header', value: { ...source.header, resumeJob } } };
    const accepted = await acceptance;
    for (let row = accepted.nextRow; row < height;) {
      if (!(await goOn(row, accepted))) {
        leaving.abort();
        return;
      }
      const count = Math.min(source.step, height - row);
      yield { part: { $case: 'pixels', value: { row, values: source.pixels(row, count) } } };
      row += count;
    }
    for (const labelMap of source.header.labelMaps) {
      const row = accepted.nextLabelRows[labelMap]!;
      if (row === height) continue;
      const labels = source.labels!(labelMap, row, height - row);
      yield { part: { $case: 'labels', value: { labelMap, row, labels } } };
    }
  }
  const signal = AbortSignal.any([leaving.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  let accepted: PreparationAccepted | undefined;
  let scene: Scene | undefined;
  const stages = new Set<string>();
  try {
    for await (const { event } of exchange(scenes, scenes.prepareScene(), requests(), signal)) {
      if (event !== undefined) onEvent(event);
      if (event?.$case === 'accepted') {
        accepted = event.value;
        accept(accepted);
      } else if (event?.$case === 'progress') stages.add(event.value.stage);
      else scene = event?.value;
    }
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  }
  return { accepted, scene, stages };
}

export interface SourceOptions {
  /** Messages after the header. */
  readonly parts?: readonly PrepareSceneRequest[];
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: NonNullable<PrepareSceneResponse['event']>) => void;
}

/**
 * Prepares a scene that the service reads itself: only the header, and perhaps label rows, are sent.
 *
 * @throws errors of the service
 */
export async function prepareSource(
  { scenes }: Scenes,
  source: string,
  header: Partial<PrepareSceneHeader> = {},
  { parts = [], signal, onEvent = () => undefined }: SourceOptions = {},
): Promise<Scene> {
  const empty = sceneHeader('read', { height: 0, width: 0, bands: 0 });
  const value = { ...empty, raster: undefined, source, ...header };
  // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
  async function* requests(): AsyncGenerator<PrepareSceneRequest> {
    yield { part: { $case: 'header', value } };
    yield* parts;
  }
  for await (const { event } of exchange(scenes, scenes.prepareScene(), requests(), signal)) {
    if (event !== undefined) onEvent(event);
    if (event?.$case === 'scene') return event.value;
  }
  throw new Error('the call ended without a scene');
}
