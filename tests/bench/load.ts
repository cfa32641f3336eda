/**
 * `make load`: waiting times of users of one pod while others use it. Writes out/bench/load.json.
 *
 * - fairness: the time of an 8 × 8 tile, one in flight, alone and beside others.
 * - closed loop: 8 × 8 tiles, one in flight a stream, at 1 to 128 streams: pixels a second, p50, p99, refused.
 * - adapters: 8 × 8 tiles whose adapters take turns, with more adapters than the memory for bindings holds.
 * - mixed: small tiles of one adapter, and of many in turns; how much room batches of one adapter each leave.
 *
 * The pod is a process of its own; this process is the client. Both share the cores.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { FleetServiceClient, Precision, type Scene, type Tile } from '@hyperswap/proto';
import { callUnary, connect, readStream } from '@hyperswap/rpc';
import { startPod, type Pod } from '../support/fleet.js';
import { repository } from '../support/fixtures.js';
import { prepareToy } from '../support/services.js';
import { flood, oneByOne, registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    method: { type: 'string', default: 'krona+' },
    precision: { type: 'string', default: 'auto' },
    seconds: { type: 'string', default: '8' },
  },
});
const patchSize = 15;
const halo = patchSize >> 1;
/** Duration of each measurement. */
const milliseconds = Number(flags.seconds) * 1000;

interface Row {
  readonly work: string;
  readonly tiles: number;
  readonly pixelsPerSecond: number;
  /** Milliseconds. */
  readonly median: number;
  readonly p99: number;
  readonly refused: number;
  /** Patches of a batch, where they were counted. */
  readonly batchPatches?: number;
}

const rows: Row[] = [];
const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-load-'));
let pod: Pod | undefined;
try {
  const wanted = (part: string): boolean => flags.only === undefined || flags.only.split(',').includes(part);
  pod = await start({});
  const scene = await prepareToy(pod);
  for (let i = 0; i < 64; i++)
    await registerMadeUp(pod, scene, `a${i}`, { patchSize, seed: i + 1, classes: 16, method: flags.method });
  const status = await callUnary(pod.tiles, 'getStatus', {});
  console.log(`${status.backbone}, ${Precision[status.engine!.precision]}, ${status.engine!.threads} threads`);
  if (wanted('fairness')) await fairness(pod, scene);
  if (wanted('loop')) for (const streams of [1, 8, 32, 128]) await closedLoop(pod, scene, streams, 8);
  if (wanted('loop')) await closedLoop(pod, scene, 32, 1);
  if (wanted('adapters')) for (const count of [1, 2, 16, 64]) await adapters(pod, scene, count, 'all fit');
  if (wanted('mixed')) {
    for (const side of [1, 4, 8])
      for (const count of [1, 8, 64]) await adapters(pod, scene, count, 'all fit', side, 64);
  }
  if (wanted('adapters')) {
    await pod.kill();
    // Bindings of 8 adapters.
    pod = await start({ HYPERSWAP_BINDING_BYTES: String(8 * 1024 ** 2) });
    for (const count of [1, 16, 64]) await adapters(pod, scene, count, 'in 8 MiB of bindings');
  }
} finally {
  await pod?.kill();
  await rm(home, { recursive: true, force: true });
}
const output = path.join(repository, 'out', 'bench', 'load.json');
await mkdir(path.dirname(output), { recursive: true });
await writeFile(output, `${JSON.stringify({ machine: cpus().map(({ model }) => model), rows }, null, 2)}\n`);

function start(environment: Record<string, string>): Promise<Pod> {
  return startPod('preprocessing,tile-inference', {
    ...process.env,
    HYPERSWAP_HOME: home,
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_PRECISION: flags.precision,
    ...environment,
  });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

/** Prints and keeps a row. @param latencies milliseconds of each tile */
function tell(
  work: string,
  latencies: readonly number[],
  pixels: number,
  elapsed: number,
  refused = 0,
  batchPatches?: number,
): void {
  const row: Row = {
    work,
    tiles: latencies.length,
    pixelsPerSecond: (1000 * pixels * latencies.length) / elapsed,
    median: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    refused,
    ...(batchPatches === undefined ? {} : { batchPatches }),
  };
  rows.push(row);
  const { tiles, pixelsPerSecond, median, p99 } = row;
  console.log(
    `${work.padEnd(64)} ${String(tiles).padStart(5)} tiles  ${pixelsPerSecond.toFixed(0).padStart(6)} pixels/s` +
      `  median ${median.toFixed(0).padStart(5)} ms  p99 ${p99.toFixed(0).padStart(5)} ms  refused ${refused}` +
      (batchPatches === undefined ? '' : `  ${batchPatches.toFixed(1)} patches a batch`),
  );
}

/** Measures a small tile beside others that send as much as the pod takes. */
async function fairness(pod: Pod, scene: Scene): Promise<void> {
  const { endpoint } = pod;
  const open = (): TileStream => new TileStream(endpoint, scoreHeader(scene.name, 'a0'));
  const tile = (side: number): Tile => scoreTile('tile', side, halo);
  const beside = async (work: string, others: readonly TileStream[], side: number, inFlight: number): Promise<void> => {
    const floods = others.map((stream) => flood(stream, tile(side), inFlight));
    await setTimeout(others.length === 0 ? 0 : 1500);
    const stream = open();
    const before = await batchesOf(pod);
    const start = performance.now();
    const latencies = await oneByOne(stream, tile(8), () => performance.now() - start > milliseconds);
    const elapsed = performance.now() - start;
    const patches = (await batchesOf(pod)).patches - before.patches;
    tell(`${work}, ${((1000 * patches) / elapsed).toFixed(0)} patches/s in all`, latencies, 64, elapsed);
    for (const each of [stream, ...others]) each.close();
    await Promise.all(floods);
  };
  const streams = (count: number): TileStream[] => Array.from({ length: count }, open);
  await beside('8 × 8 tile alone', [], 8, 1);
  await beside('8 × 8 tile alone, again', [], 8, 1);
  await beside('beside one stream of 16 × 16 tiles', streams(1), 16, Infinity);
  await beside('beside one stream of 64 × 64 tiles', streams(1), 64, Infinity);
  await beside('beside one 128 × 128 tile after another', streams(1), 128, 1);
  await beside('beside eight streams of 64 × 64 tiles', streams(8), 64, Infinity);
  await beside('beside one 512 × 512 tile', streams(1), 512, 1);
  await invalidTile(open(), streams(1));
}

/** Measures how soon a tile that is not valid is reported while others wait. */
async function invalidTile(stream: TileStream, others: readonly TileStream[]): Promise<void> {
  const floods = others.map((other) => flood(other, scoreTile('tile', 64, halo)));
  await setTimeout(1500);
  const wrong = { ...scoreTile('wrong', 8, halo), pixels: Buffer.alloc(16) };
  const start = performance.now();
  await stream.send(wrong);
  const { outcome } = await stream.read();
  if (outcome?.$case !== 'error') throw new Error('a tile that is not valid was classified');
  tell('an invalid tile is reported', [performance.now() - start], 0, 1);
  for (const each of [stream, ...others]) each.close();
  await Promise.all(floods);
}

/** Measures streams that send a tile when the one before is answered. */
async function closedLoop({ endpoint }: Pod, scene: Scene, count: number, side: number): Promise<void> {
  const streams = Array.from({ length: count }, () => new TileStream(endpoint, scoreHeader(scene.name, 'a0')));
  let refused = 0;
  const start = performance.now();
  const all = await Promise.all(
    streams.map((stream) =>
      oneByOne(stream, scoreTile('tile', side, halo), () => performance.now() - start > milliseconds).catch(() => {
        refused += 1;
        return [];
      }),
    ),
  );
  tell(`${count} streams of ${side} × ${side} tiles`, all.flat(), side * side, performance.now() - start, refused);
  for (const stream of streams) stream.close();
}

/** Returns the batches that a pod has run, and their patches. */
async function batchesOf({ endpoint }: Pod): Promise<{ readonly batches: number; readonly patches: number }> {
  const client = connect(FleetServiceClient, endpoint);
  try {
    for await (const { event } of readStream(client, client.watchFleet({ interval: undefined }))) {
      if (event?.$case !== 'pod') continue;
      const { batchCuts, patches } = event.value.serving!;
      return { batches: batchCuts.reduce((sum, { count }) => sum + count, 0), patches };
    }
    throw new Error('the pod does not report');
  } finally {
    client.close();
  }
}

/** Measures tiles whose adapters take turns, so many in flight. */
async function adapters(pod: Pod, scene: Scene, count: number, which: string, side = 8, inFlight = 32): Promise<void> {
  const stream = new TileStream(pod.endpoint, scoreHeader(scene.name, 'a0'));
  const tiles = Array.from({ length: count }, (_, i) => scoreTile('tile', side, halo, `a${i}`));
  const sent = new Map<string, number>();
  const latencies: number[] = [];
  let next = 0;
  const send = async (): Promise<void> => {
    const id = String(next);
    sent.set(id, performance.now());
    await stream.send({ ...tiles[next++ % count]!, id });
  };
  // The first tiles bind the adapters and are not counted.
  for (const tile of tiles) {
    await stream.send(tile);
    await stream.readResult();
  }
  const before = await batchesOf(pod);
  const start = performance.now();
  for (let i = 0; i < inFlight; i++) await send();
  while (performance.now() - start < milliseconds) {
    const { id } = await stream.readResult();
    latencies.push(performance.now() - sent.get(id)!);
    sent.delete(id);
    await send();
  }
  const elapsed = performance.now() - start;
  const after = await batchesOf(pod);
  const batchPatches = (after.patches - before.patches) / (after.batches - before.batches);
  tell(`${count} adapters in turns, ${side} × ${side}, ${which}`, latencies, side * side, elapsed, 0, batchPatches);
  stream.close();
}
