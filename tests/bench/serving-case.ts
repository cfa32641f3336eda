/**
 * Measurement of serving in a process of its own: `serving-case.js MODE JSON`, prints `{seconds, peakBytes, …}`.
 *
 * - grpc: a scene's tiles through the services.
 * - alternating: with two adapters, tile by tile.
 * - bare: the same patches by the engine alone.
 * - bind: memory and seconds of adapters on a backbone, and the effect of a swap on tiles in progress.
 */
import path from 'node:path';
import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import type { ClassifyTilesRequest, Scene } from '@hyperswap/proto';
import { Padding, PixelContent, PixelType } from '@hyperswap/proto';
import { callUnary, exchange, readStream, toMilliseconds } from '@hyperswap/rpc';
import { backboneConfigs, pretrainedDirectory, readBackbone } from '@hyperswap/spectralgpt';
import { Executor, type NumberFormat } from '@hyperswap/tensor';
import { madeUpBlob } from '../support/made-up-adapter.js';
import { prepareToy, registerBlob, startServices, toyScene, type Services } from '../support/services.js';
import type { EngineProgram } from './engine-program.js';
import { processMemory } from './memory.js';

export interface ServingCase {
  readonly size: 'mini' | 'base';
  readonly precision: NumberFormat;
  /** Side of the square scene. */
  readonly side: number;
  readonly repetitions: number;
  /** Folder of a store with the base backbone in it. */
  readonly home?: string;
}

const patchSize = 15;
const tileSize = 16;
const [mode, text] = process.argv.slice(2) as ['grpc' | 'alternating' | 'bare' | 'bind', string];
const given = JSON.parse(text) as ServingCase;
const backboneName = given.size === 'mini' ? 'spectralgpt-mini' : 'bench-base';
const services = await startServices({ backbone: backboneName, precision: given.precision }, given.home);
try {
  const scene = await prepareToy(services, 'bench', toyScene(given.side, given.side, 16, 1)).catch(() => existing());
  const result = mode === 'bind' ? await measureBinding(scene) : { seconds: await measureScene(scene) };
  console.log(JSON.stringify({ ...result, peakBytes: processMemory('VmHWM') }));
} finally {
  await services.stop();
}

async function existing(): Promise<Scene> {
  return (await callUnary(services.scenes, 'getScene', { name: 'bench' })).scene!;
}

/** Creates an adapter in the format of training, with random numbers. */
async function adapterBlob(scene: Scene, seed: number): Promise<Uint8Array> {
  const config = backboneConfigs[given.size];
  const method = findMethod('krona+');
  const { backbone, backboneDigest } = await callUnary(services.tiles, 'getStatus', {});
  const { mean, components } = await callUnary(services.scenes, 'getPca', { scene: scene.name });
  const made = {
    backbone: { name: backbone, digest: backboneDigest },
    ...{ patchSize, bands: scene.raster!.bands, pcaDigest: scene.pcaDigest, classes: 3, seed },
  };
  const pca = { mean: Float32Array.from(mean), components: Float32Array.from(components) };
  return madeUpBlob(made, { method, settings: methodSettings(method, adaptedWeight(config)) }, config, pca);
}

async function measureScene(scene: Scene): Promise<number[]> {
  const blobs = [await adapterBlob(scene, 1), await adapterBlob(scene, 2)];
  if (mode === 'bare') return measureBare(scene, blobs[0]!);
  const names = ['one', 'two'];
  for (const [i, name] of names.entries()) await registerBlob(services, `bench-${name}`, blobs[i]!);
  const adapters = (tile: number): string => `bench-${names[mode === 'alternating' ? tile % 2 : 0]!}`;
  const seconds: number[] = [];
  for (let i = 0; i < given.repetitions + 1; i++) {
    const start = performance.now();
    let pixels = 0;
    for await (const { labels } of stream(services, scene, adapters)) pixels += labels.byteLength;
    if (pixels !== scene.raster!.height * scene.raster!.width) throw new Error(`${pixels} pixels came back`);
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds.slice(1);
}

/** Runs the engine alone: the services provide adapter and scores, and stop before it starts. */
async function measureBare(scene: Scene, blob: Uint8Array): Promise<number[]> {
  const halo = patchSize >> 1;
  const request = { scene: scene.name, tileSize: given.side, halo, window: undefined };
  const call = services.scenes.streamTiles(request);
  const tiles: Float32Array[] = [];
  for await (const { scores } of readStream(services.scenes, call)) {
    tiles.push(new Float32Array(new Uint8Array(scores).buffer));
  }
  await services.stop();
  const backbone = await readBackbone(backboneName, path.join(pretrainedDirectory, backboneName));
  const executor = new Executor();
  const program = await executor.load<EngineProgram>(new URL('./engine-program.js', import.meta.url));
  const { precision, side, repetitions } = given;
  const seconds = await program.call('scene', {
    backbone,
    blob,
    precision,
    scores: tiles[0]!,
    side,
    halo,
    repetitions,
  });
  await executor.stop();
  return seconds;
}

/** Runs a scene's tiles and waits for their answers. */
async function* stream(at: Services, scene: Scene, adapterOf: (tile: number) => string) {
  async function* requests(): AsyncGenerator<ClassifyTilesRequest> {
    const header = {
      adapter: adapterOf(0),
      pixelType: PixelType.PIXEL_TYPE_FLOAT32,
      bands: scene.components,
      content: PixelContent.PIXEL_CONTENT_PREPARED,
      outputs: [],
      scene: scene.name,
      padding: Padding.PADDING_NONE,
      wavelengths: [],
    };
    yield { part: { $case: 'header', value: header } };
    const halo = patchSize >> 1;
    const call = at.scenes.streamTiles({ scene: scene.name, tileSize, halo, window: undefined });
    for await (const { tile, window, scores } of readStream(at.scenes, call)) {
      const value = { id: String(tile), window, halo, margins: undefined, pixels: scores, adapter: adapterOf(tile) };
      yield { part: { $case: 'tile', value } };
    }
  }
  for await (const { outcome } of exchange(at.tiles, at.tiles.classifyTiles(), requests())) {
    if (outcome?.$case !== 'result') throw new Error(`a tile failed: ${outcome?.value.message ?? 'without a reason'}`);
    yield outcome.value;
  }
}

/**
 * Measures adapters: memory of each, milliseconds from the event to warm while tiles stream, and the effect on the
 * tiles.
 */
async function measureBinding(scene: Scene) {
  const idleBytes = processMemory('VmRSS');
  await registerBlob(services, 'bench-one', await adapterBlob(scene, 1));
  const gaps = async (): Promise<number[]> => {
    const found: number[] = [];
    let last = performance.now();
    for await (const { labels } of stream(services, scene, () => 'bench-one')) {
      if (labels.byteLength === 0) throw new Error('a tile came back empty');
      const now = performance.now();
      found.push(now - last);
      last = now;
    }
    return found.slice(1);
  };
  // Memory is measured first, because memory left behind by tiles would hide it. The first two adapters allocate memory
  // that every binding shares.
  const bind = async (number: number): Promise<void> => {
    const name = `bench-${number}`;
    await registerBlob(services, name, await adapterBlob(scene, number));
    await callUnary(services.adapters, 'setAlias', { adapter: name, alias: 'stable' });
  };
  const count = 4;
  await bind(8);
  await bind(9);
  const before = processMemory('VmRSS');
  for (let i = 0; i < count; i++) await bind(i + 10);
  const perAdapterBytes = (processMemory('VmRSS') - before) / count;
  await gaps();
  const quiet = await gaps();
  // The pod's own measurement: from the event of an adapter until it is warm.
  const bindTimes = async (prefix: string): Promise<number[]> => {
    const { bindings } = await callUnary(services.tiles, 'getStatus', {});
    return bindings.filter(({ adapter }) => adapter.startsWith(prefix)).map((b) => toMilliseconds(b.bindTime));
  };
  const idleBind = await bindTimes('bench-1');
  const swapping = gaps();
  for (let i = 0; i < count; i++) await bind(i + 20);
  const underLoad = await bindTimes('bench-2');
  return {
    idleBytes,
    perAdapterBytes,
    bindMilliseconds: idleBind,
    bindUnderLoadMilliseconds: underLoad,
    p99Milliseconds: { quiet: percentile(quiet, 0.99), swapping: percentile(await swapping, 0.99) },
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}
