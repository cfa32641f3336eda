/**
 * `make soak`: one pod for 38 minutes, which is longer than a connection takes calls. A new version of an adapter is
 * bound every second under a light, steady load. Writes out/bench/soak.json and docs/soak.svg, and reports for each
 * curve if it is flat: the trend over the last two thirds, when the caches are full, is less than a tenth of the mean.
 * Ends with 1 when one is not.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { startPod, type Pod } from '../support/fleet.js';
import { repository } from '../support/fixtures.js';
import { freePort } from '../support/free-port.js';
import { prepareToy } from '../support/services.js';
import { registerMadeUp, scoreHeader, scoreTile, TileStream } from '../support/tile-client.js';
import { svgChart } from './svg-chart.js';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '38' },
    svg: { type: 'string', default: path.join(repository, 'docs', 'soak.svg') },
  },
});
const milliseconds = Number(flags.minutes) * 60_000;
const patchSize = 15;
/** Pause between tiles, in milliseconds. */
const tilePause = 250;
/** Names whose versions take turns. Each keeps its last versions; the others are retired and deleted. */
const names = Array.from({ length: 16 }, (_, index) => `soak-${index}`);
const keptVersions = 4;
const samplePause = 5_000;

interface Sample {
  readonly minutes: number;
  readonly residentMebibytes: number;
  readonly heapMebibytes: number;
  readonly tensors: number;
  readonly descriptors: number;
  /** Milliseconds by which the event loop was late, 99 % of the time since the last sample. */
  readonly delay: number;
  readonly bindings: number;
}

const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-soak-'));
const metricsPort = await freePort();
const samples: Sample[] = [];
const latencies: number[] = [];
const swaps: number[] = [];
let failures = 0;
const pod = await startPod('preprocessing,tile-inference', {
  ...process.env,
  HYPERSWAP_HOME: home,
  HYPERSWAP_LOG_LEVEL: 'silent',
  HYPERSWAP_METRICS_PORT: String(metricsPort),
  // Full after a minute, so that what is measured is a pod that has to free a binding for each new one.
  HYPERSWAP_BINDING_BYTES: String(32 * 1024 ** 2),
  OMP_NUM_THREADS: '1',
  TF_NUM_INTRAOP_THREADS: '1',
});
const start = performance.now();
const isOver = (): boolean => performance.now() - start > milliseconds;
try {
  const scene = await prepareToy(pod);
  await registerMadeUp(pod, scene, names[0]!, { patchSize, classes: 16 });
  await callUnary(pod.adapters, 'setAlias', { adapter: names[0]!, alias: 'live' });
  await Promise.all([swapEverySecond(pod, scene), classify(pod, scene), sample(pod)]);
} finally {
  await pod.stop();
  await rm(home, { recursive: true, force: true });
}
await report();

/** Registers a version each second, moves its name's alias to it, and deletes old versions. */
async function swapEverySecond(services: Pod, scene: Scene): Promise<void> {
  for (let count = 0; !isOver(); count++) {
    const next = setTimeout(1000);
    const name = names[count % names.length]!;
    try {
      const { version } = await registerMadeUp(services, scene, name, { patchSize, classes: 16, seed: 1000 + count });
      const begun = performance.now();
      await callUnary(services.adapters, 'setAlias', { adapter: `${name}@${version}`, alias: 'live' });
      swaps.push(performance.now() - begun);
      if (version > keptVersions) {
        await callUnary(services.adapters, 'retireAdapter', {
          adapter: `${name}@${version - keptVersions}`,
          undo: false,
        });
      }
      if (count % 64 === 63) await callUnary(services.adapters, 'collectAdapters', {});
    } catch (error) {
      failures += 1;
      console.error(String(error));
    }
    await next;
  }
}

/** Classifies a small tile now and then, by the alias of each name in turns. */
async function classify({ endpoint }: Pod, scene: Scene): Promise<void> {
  const open = (): TileStream => new TileStream(endpoint, scoreHeader(scene.name, `${names[0]!}:live`));
  let stream = open();
  for (let count = 0; !isOver(); count++) {
    const next = setTimeout(tilePause);
    // Names get their aliases one a second.
    const known = Math.min(names.length, Math.max(1, swaps.length));
    const begun = performance.now();
    await stream.send(scoreTile(String(count), 4, patchSize >> 1, `${names[count % known]!}:live`));
    await stream.readResult().then(
      () => latencies.push(performance.now() - begun),
      (error: unknown) => {
        failures += 1;
        console.error(String(error));
        stream.close();
        stream = open();
      },
    );
    await next;
  }
  stream.close();
}

async function sample({ process: { pid } }: Pod): Promise<void> {
  while (!isOver()) {
    await setTimeout(samplePause);
    const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const value = (metric: string, label = ''): number => {
      const line = page
        .split('\n')
        .find((found) =>
          found.startsWith(`${metric}{`) || found.startsWith(`${metric} `) ? found.includes(label) : false,
        );
      return Number(line?.split(' ')[1] ?? NaN);
    };
    const mebibyte = 1024 ** 2;
    const taken: Sample = {
      minutes: (performance.now() - start) / 60_000,
      residentMebibytes: value('hyperswap_memory_bytes', 'kind="rss"') / mebibyte,
      heapMebibytes: value('hyperswap_memory_bytes', 'kind="heap"') / mebibyte,
      tensors: value('hyperswap_engine_tensors'),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      delay: 1000 * value('hyperswap_event_loop_delay_seconds', 'quantile="0.99"'),
      bindings: value('hyperswap_bindings', 'state="bound"'),
    };
    samples.push(taken);
    if (samples.length % 12 === 1) console.log(JSON.stringify(taken), `${swaps.length} swaps, ${failures} failures`);
  }
}

/**
 * Returns the change that a straight line through the last two thirds of a curve makes from their begin to their end,
 * and their mean.
 */
function trend(of: (sample: Sample) => number): { readonly change: number; readonly mean: number } {
  const late = samples.slice(Math.floor(samples.length / 3));
  const [x, y] = [late.map(({ minutes }) => minutes), late.map(of)];
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const covariance = mean(x.map((value, index) => (value - mx) * (y[index]! - my)));
  const slope = covariance / mean(x.map((value) => (value - mx) ** 2));
  return { change: slope * (x.at(-1)! - x[0]!), mean: my };
}

async function report(): Promise<void> {
  const curves = [
    ['memory (MiB)', ({ residentMebibytes }) => residentMebibytes],
    ['JavaScript heap (MiB)', ({ heapMebibytes }) => heapMebibytes],
    ['live tensors', ({ tensors }) => tensors],
    ['open descriptors', ({ descriptors }) => descriptors],
    ['event-loop delay, p99 (ms)', ({ delay }) => delay],
    ['bound adapters', ({ bindings }) => bindings],
  ] as const satisfies readonly (readonly [string, (sample: Sample) => number])[];
  let isFlat = failures === 0;
  const trends = curves.map(([name, of]) => {
    const { change, mean } = trend(of);
    const flat = change <= 0.1 * mean;
    isFlat &&= flat;
    console.log(
      `${name.padEnd(28)} mean ${mean.toFixed(1).padStart(8)}  trend ${change.toFixed(1).padStart(7)}  ${flat ? 'flat' : 'NOT FLAT'}`,
    );
    return { name, change, mean, flat };
  });
  const quantile = (values: readonly number[], share: number): number =>
    [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? NaN;
  const summary = {
    swaps: swaps.length,
    tiles: latencies.length,
    failures,
    swapMedian: quantile(swaps, 0.5),
    swapP99: quantile(swaps, 0.99),
    tileMedian: quantile(latencies, 0.5),
    tileP99: quantile(latencies, 0.99),
  };
  console.log(JSON.stringify(summary));
  const output = path.join(repository, 'out', 'bench', 'soak.json');
  await mkdir(path.dirname(output), { recursive: true });
  const machine = cpus().map(({ model }) => model);
  await writeFile(output, `${JSON.stringify({ machine, summary, trends, samples }, null, 2)}\n`);
  const chart = svgChart({
    title: `${flags.minutes} minutes, ${swaps.length} swaps, ${latencies.length} tiles`,
    xTitle: 'minutes',
    panels: [
      {
        title: 'memory, MiB',
        series: [
          { name: 'process', points: samples.map(({ minutes, residentMebibytes }) => [minutes, residentMebibytes]) },
          { name: 'JavaScript heap', points: samples.map(({ minutes, heapMebibytes }) => [minutes, heapMebibytes]) },
        ],
      },
      ...curves.slice(2).map(([name, of]) => ({
        title: name,
        series: [{ name, points: samples.map((each) => [each.minutes, of(each)] as const) }],
      })),
    ],
  });
  await writeFile(flags.svg, chart);
  process.exitCode = isFlat ? 0 : 1;
}
