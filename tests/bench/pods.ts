/**
 * `make bench-pods`: pods behind one registry (NATS and MinIO), all on this machine. Writes out/bench/pods.json and
 * out/bench/drain.svg.
 *
 * - pods: 1, 2 and 4 pods with one engine thread each, and 1 pod with all threads: pixels a second of all streams
 *   together, p50, p99.
 * - drain: two pods under load, one of them is told to stop and another one comes: what clients see, and that no tile
 *   is lost.
 * - offered: one pod and tiles at a fixed rate, sent by ghz: p50, p99 and the share that is refused or too late.
 *
 * The clients share the cores with the pods.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Scene } from '@hyperswap/proto';
import { repository } from '../support/fixtures.js';
import { startFleet, type Fleet, type Pod } from '../support/fleet.js';
import { prepareToy } from '../support/services.js';
import { oneByOne, registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';
import { measureDrain } from './drain.js';
import { measureOffered } from './offered-load.js';

const { values: flags } = parseArgs({
  options: { only: { type: 'string' }, seconds: { type: 'string', default: '8' } },
});
const wanted = (part: string): boolean => flags.only === undefined || flags.only.split(',').includes(part);
const milliseconds = 1000 * Number(flags.seconds);
const patchSize = 15;
const halo = patchSize >> 1;
const tile = scoreTile('tile', 8, halo);

const fleet = await startFleet();
const result: Record<string, unknown> = { machine: cpus().map(({ model }) => model), seconds: Number(flags.seconds) };
try {
  const first = await pod(2);
  const scene = await prepareToy(first);
  await registerMadeUp(first, scene, 'served', { patchSize, classes: 16 });
  if (wanted('pods')) {
    const rows = [await throughput([first], scene, '1 pod, 2 threads')];
    await first.stop();
    const pods: Pod[] = [];
    for (const count of [1, 2, 4]) {
      while (pods.length < count) pods.push(await pod(1));
      rows.push(await throughput(pods, scene, `${count} pods, 1 thread each`));
    }
    await Promise.all(pods.map((each) => each.stop()));
    result.pods = rows;
  }
  if (wanted('drain')) {
    const start = (): Promise<Pod> => pod(1, { HYPERSWAP_DRAIN_MILLISECONDS: '8000' });
    const { chart, ...drain } = await measureDrain(start, scoreHeader(scene.name, 'served'), tile);
    const { sent, answered, lost, twice, drainMilliseconds, longest } = drain;
    console.log(
      `drain: ${sent} tiles sent, ${answered} answered, ${lost} lost, ${twice} twice; the pod ended after ` +
        `${drainMilliseconds.toFixed(0)} ms; longest time between two answers ${longest.toFixed(0)} ms`,
    );
    result.drain = drain;
    await mkdir(path.join(repository, 'out', 'bench'), { recursive: true });
    await writeFile(path.join(repository, 'out', 'bench', 'drain.svg'), chart);
    if (lost > 0 || twice > 0) process.exitCode = 1;
  }
  if (wanted('offered')) {
    const serving = await pod(2);
    result.offered = await measureOffered(serving.endpoint, 'served', milliseconds);
    await serving.stop();
  }
} finally {
  await fleet.stop();
}
const output = path.join(repository, 'out', 'bench', 'pods.json');
await mkdir(path.dirname(output), { recursive: true });
await writeFile(output, `${JSON.stringify(result, null, 2)}\n`);

function pod(threads: number, settings: Readonly<Record<string, string>> = {}): ReturnType<Fleet['startPod']> {
  const count = String(threads);
  const environment = { OMP_NUM_THREADS: count, TF_NUM_INTRAOP_THREADS: count, ...settings };
  return fleet.startPod('preprocessing,tile-inference', environment);
}

/** Measures 16 streams that send an 8 × 8 tile when the one before is answered, spread evenly over the pods. */
async function throughput(pods: readonly Pod[], scene: Scene, name: string) {
  const streams = Array.from(
    { length: 16 },
    (_, index) => new TileStream(pods[index % pods.length]!.endpoint, scoreHeader(scene.name, 'served')),
  );
  // The first tile binds the adapter.
  await Promise.all(streams.map((stream) => oneByOne(stream, tile, (count) => count === 1)));
  const start = performance.now();
  const all = await Promise.all(
    streams.map((stream) => oneByOne(stream, tile, () => performance.now() - start > milliseconds)),
  );
  const elapsed = performance.now() - start;
  for (const stream of streams) stream.close();
  const latencies = all.flat().sort((a, b) => a - b);
  const quantile = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))]!;
  const row = {
    name,
    pixelsPerSecond: (1000 * 64 * latencies.length) / elapsed,
    median: quantile(0.5),
    p99: quantile(0.99),
  };
  console.log(
    `${name.padEnd(24)} ${row.pixelsPerSecond.toFixed(0).padStart(6)} pixels/s  median ${row.median.toFixed(0).padStart(5)} ms  p99 ${row.p99.toFixed(0).padStart(5)} ms`,
  );
  return row;
}
