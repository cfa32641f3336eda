/** Client of ClassifyTiles whose test controls when it sends and reads, with synthetic adapters and tiles. */
import { credentials, type ClientDuplexStream } from '@grpc/grpc-js';
import { once } from 'node:events';
import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import {
  Padding,
  PixelContent,
  PixelType,
  TileServiceClient,
  type AdapterVersion,
  type ClassifyTilesHeader,
  type ClassifyTilesRequest,
  type ClassifyTilesResponse,
  type Scene,
  type Tile,
} from '@hyperswap/proto';
import { callUnary, fromErrorStatus } from '@hyperswap/rpc';
import { backboneConfigs, type BackboneConfig } from '@hyperswap/spectralgpt';
import { madeUpBlob } from './made-up-adapter.js';
import { registerBlob, type ServiceClients } from './services.js';

export interface MadeUpOptions {
  readonly patchSize?: number;
  readonly classes?: number;
  readonly method?: string;
  readonly seed?: number;
  /** Config of the served backbone. */
  readonly config?: BackboneConfig;
}

/** Registers an untrained adapter for a prepared scene and the served backbone, of mini's size by default. */
export async function registerMadeUp(
  services: Pick<ServiceClients, 'tiles' | 'scenes' | 'adapters'>,
  scene: Scene,
  name: string,
  {
    patchSize = 15,
    classes = 3,
    method: methodName = 'krona+',
    seed = 1,
    config = backboneConfigs.mini,
  }: MadeUpOptions = {},
): Promise<AdapterVersion> {
  const method = findMethod(methodName);
  const { backbone, backboneDigest } = await callUnary(services.tiles, 'getStatus', {});
  const { mean, components } = await callUnary(services.scenes, 'getPca', { scene: scene.name });
  const made = {
    backbone: { name: backbone, digest: backboneDigest },
    ...{ patchSize, bands: scene.raster!.bands, pcaDigest: scene.pcaDigest, classes, seed },
  };
  const pca = { mean: Float32Array.from(mean), components: Float32Array.from(components) };
  const settings = methodSettings(method, adaptedWeight(config));
  return registerBlob(services, name, madeUpBlob(made, { method, settings }, config, pca));
}

/** A square tile of scores, always the same. */
export function scoreTile(id: string, side: number, halo: number, adapter = ''): Tile {
  const values = Float32Array.from({ length: (side + 2 * halo) ** 2 * 12 }, (_, index) => ((index * 37) % 401) - 200);
  const window = { row: 0, column: 0, height: side, width: side };
  return { id, window, halo, margins: undefined, pixels: Buffer.from(values.buffer), adapter };
}

/** Header of scores of a scene. */
export function scoreHeader(
  scene: string,
  adapter: string,
  change: Partial<ClassifyTilesHeader> = {},
): ClassifyTilesHeader {
  return {
    adapter,
    pixelType: PixelType.PIXEL_TYPE_FLOAT32,
    bands: undefined,
    content: PixelContent.PIXEL_CONTENT_PREPARED,
    outputs: [],
    scene,
    padding: Padding.PADDING_NONE,
    wavelengths: [],
    ...change,
  };
}

/** One stream of tiles on a connection of its own, so that what it does not read stops no other. */
export class TileStream {
  private readonly client: TileServiceClient;
  private readonly call: ClientDuplexStream<ClassifyTilesRequest, ClassifyTilesResponse>;
  private readonly responses: AsyncIterator<ClassifyTilesResponse>;

  constructor(endpoint: string, header: ClassifyTilesHeader) {
    this.client = new TileServiceClient(endpoint, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_send_message_length': -1,
    });
    this.call = this.client.classifyTiles();
    this.call.write({ part: { $case: 'header', value: header } });
    this.responses = (this.call as AsyncIterable<ClassifyTilesResponse>)[Symbol.asyncIterator]();
    // Errors of a stream without a reader are ignored.
    this.call.on('error', () => undefined);
  }

  /** Sends a tile. @returns when the connection takes more */
  async send(tile: Tile): Promise<void> {
    if (!this.call.write({ part: { $case: 'tile', value: tile } })) await once(this.call, 'drain');
  }

  /** Reads the next answer. @throws what the stream ended with */
  async read(): Promise<ClassifyTilesResponse> {
    const next = await this.responses.next();
    if (next.done === true) throw new Error('the stream ended');
    return next.value;
  }

  /** Reads the answer of a tile that succeeds. @throws the tile's error */
  async readResult(): Promise<ClassifyTilesResponse> {
    const response = await this.read();
    if (response.outcome?.$case === 'error') throw fromErrorStatus(response.outcome.value);
    return response;
  }

  close(): void {
    this.call.cancel();
    this.client.close();
  }
}

/** Sends a tile when the one before is answered. @returns milliseconds that each took */
export async function oneByOne(stream: TileStream, tile: Tile, until: (count: number) => boolean): Promise<number[]> {
  const latencies: number[] = [];
  while (!until(latencies.length)) {
    const start = performance.now();
    await stream.send(tile);
    await stream.readResult();
    latencies.push(performance.now() - start);
  }
  return latencies;
}

/** Sends a tile as often as the stream takes it, and reads what comes. @returns when it is closed */
export async function flood(stream: TileStream, tile: Tile, inFlight = Infinity): Promise<void> {
  let open = 0;
  let wake: () => void = () => undefined;
  const reading = (async () => {
    for (;;) {
      await stream.readResult();
      open -= 1;
      wake();
    }
  })();
  const sending = (async () => {
    for (;;) {
      while (open >= inFlight) await new Promise<void>((resolve) => (wake = resolve));
      open += 1;
      await stream.send(tile);
    }
  })();
  await Promise.race([reading, sending]).catch(() => undefined);
}
