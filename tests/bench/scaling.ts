/**
 * `make bench-scaling`: many adapters and many pods on one nats-server, with the real registry and the part of a pod
 * that follows it. Writes out/bench/scaling.json; docs/scaling.md says what it means.
 *
 * Pods are simulated, some dozens in a process ({@link module:scaling-pods}): each has its connection, its copy of the
 * shared state and its bindings, and no engine. Objects are in a folder, in memory where the machine has `/dev/shm`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeAdapter } from '@hyperswap/adapter';
import { natsServer } from '@hyperswap/deploy';
import { NatsBus } from '@hyperswap/messaging';
import { AdapterRegistry, Backbones } from '@hyperswap/registry';
import { inMemory, type NamedTensor } from '@hyperswap/safetensors';
import { readBackbone, writeBackbone } from '@hyperswap/spectralgpt';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { repository } from '../support/fixtures.js';
import { parityAdapter, parityModel } from '../support/parity-model.js';
import { memoryOf } from '../support/process-memory.js';
import type { Answer, Given, Question, Usage } from './scaling-pods.js';

const { values: flags } = parseArgs({
  options: {
    adapters: { type: 'string', default: '100000' },
    pods: { type: 'string', default: '200' },
    processes: { type: 'string', default: '4' },
    /** Seconds of idle time, to measure the cost of idle pods. */
    idle: { type: 'string', default: '60' },
    moves: { type: 'string', default: '10' },
  },
});
const [adapters, podCount, processes] = [flags.adapters, flags.pods, flags.processes].map(Number) as [
  number,
  number,
  number,
];
/** Registrations at once. */
const atOnce = 64;
const pinned = 8;
const moved = 'moved';
const mebibyte = 1024 ** 2;
/** Versions that were published while the alias was moved. */
let seeds = 0;

interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}
const rows: Row[] = [];
function tell(what: string, value: number, unit: string): void {
  rows.push({ what, value, unit });
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 1 ? 1 : 3;
  console.log(`${what.padEnd(66)} ${value.toFixed(digits).padStart(9)} ${unit}`);
}

const home = await mkdtemp(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'hyperswap-scaling-'));
// JetStream's files are on a disk, as in a fleet.
const jetstream = await mkdtemp(path.join(tmpdir(), 'hyperswap-scaling-nats-'));
const nats = await natsServer(jetstream);
await nats.start();
const url = `nats://127.0.0.1:${nats.port}`;
const given: Given = { url, store: path.join(home, 'store'), moved };
const store = new DirectoryObjectStore(given.store);
const bus = await NatsBus.open({ url });
const registry = new AdapterRegistry(store, bus, new Backbones(store));
const children: PodProcess[] = [];
try {
  console.log(
    `${adapters} adapters, ${podCount} pods in ${processes} processes; ${cpus().length} × ${cpus()[0]!.model}, load ${loadavg()[0]!.toFixed(1)}`,
  );
  await keepBackbone();
  await publishAll();
  const [alone] = await startPods(1, 1, 'one pod on an idle server');
  await children[0]!.ask({ ask: 'usage' });
  await listPages(alone!);
  const fleet = await startPods(podCount - 1, processes, `${podCount - 1} more pods, ${processes} at once`);
  const all = [alone!, ...fleet];
  await idle(all);
  await moveAlias(all);
  await burst(all);
  await reconnect(all);
} finally {
  for (const { child } of children) child.kill('SIGKILL');
  await bus.close();
  await nats.kill();
  await Promise.all([home, jetstream].map((folder) => rm(folder, { recursive: true, force: true })));
}
const output = path.join(repository, 'out', 'bench', 'scaling.json');
await mkdir(path.dirname(output), { recursive: true });
await writeFile(output, `${JSON.stringify({ machine: cpus().map(({ model }) => model), adapters, rows }, null, 2)}\n`);

interface PodProcess {
  readonly child: ChildProcess;
  readonly pods: number;
  /** Revisions of the moved alias, each with the times at which pods saw and bound it. */
  readonly news: Answer[];
  readonly ask: (question: Question) => Promise<Answer>;
}

async function keepBackbone(): Promise<void> {
  const { backbone, config } = parityModel();
  const folder = path.join(home, 'backbone');
  await mkdir(folder, { recursive: true });
  await writeBackbone(folder, config, inMemory(backbone.weights as ReadonlyMap<string, NamedTensor>), 'F32');
  await new Backbones(store).keep(await readBackbone('reference', folder), folder);
}

function blobOf(seed: number): Uint8Array {
  const { metadata, tensors } = parityAdapter('linear-probe', {}, 1);
  // Another seed in the metadata makes another blob.
  return writeAdapter({ metadata: { ...metadata, training: { ...metadata.training, seed } }, tensors });
}

async function publish(name: string, seed: number): Promise<number> {
  const { version } = await registry.publish(name, `${name}.safetensors`, blobOf(seed), { origin: 'upload' });
  return version;
}

async function publishAll(): Promise<void> {
  const server = serverUsage();
  const start = performance.now();
  let next = 0;
  const one = async (): Promise<void> => {
    for (let index = next++; index < adapters; index = next++) {
      await publish(`adapter-${String(index).padStart(7, '0')}`, index);
      if (index % 10_000 === 0) console.error(`${index} adapters, ${Math.round((performance.now() - start) / 1000)} s`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  const seconds = (performance.now() - start) / 1000;
  tell(`${adapters} adapters are registered`, seconds, 's');
  tell('registered a second', adapters / seconds, '1/s');
  tell('nats-server: memory', memoryOf(nats.pid()!) / mebibyte, 'MiB');
  tell('nats-server: processor time to register all', serverUsage() - server, 's');
  for (let index = 0; index < pinned; index++) {
    await registry.setPinned(`adapter-${String((index * 1000) % adapters).padStart(7, '0')}`, true);
  }
  for (const seed of [-1, -2]) await registry.setAlias(`${moved}@${await publish(moved, seed)}`, 'stable');
  await registry.setPinned(`${moved}:stable`, true);
}

async function startPods(count: number, among: number, what: string): Promise<PodProcess[]> {
  const server = serverUsage();
  const started = Array.from({ length: among }, () =>
    fork(fileURLToPath(new URL('./scaling-pods.js', import.meta.url)), [JSON.stringify(given)], {
      execArgv: ['--expose-gc', '--max-old-space-size=12288'],
    }),
  ).map((child, index) => podProcess(child, Math.floor((count + index) / among)));
  const before = await Promise.all(started.map(usageOf));
  const ready = await Promise.all(
    started.map(async ({ ask, pods }) => {
      const found = await ask({ ask: 'start', pods });
      return found.answer === 'started' ? found.readyMilliseconds : [];
    }),
  );
  tell(`${what}: a pod is ready after, median`, quantile(ready.flat(), 0.5) / 1000, 's');
  tell(`${what}: the slowest after`, Math.max(...ready.flat()) / 1000, 's');
  // The copies of the state are whole, and what was read for them is free again.
  await setTimeout(3000);
  const after = await Promise.all(started.map(usageOf));
  const change = (of: (usage: Usage) => number): number => sum(after.map(of)) - sum(before.map(of));
  tell(`${what}: memory of a pod`, change(({ heapBytes }) => heapBytes) / count / mebibyte, 'MiB');
  tell(`${what}: bytes read by a pod`, change(({ readBytes }) => readBytes) / count / mebibyte, 'MiB');
  tell(`${what}: processor time of a pod`, change(({ cpuSeconds }) => cpuSeconds) / count, 's');
  tell(`${what}: longest pause of the event loop`, Math.max(...after.map((usage) => usage.longestPause)), 'ms');
  tell(`${what}: processor time of nats-server`, serverUsage() - server, 's');
  tell(`${what}: memory of nats-server`, memoryOf(nats.pid()!) / mebibyte, 'MiB');
  return started;
}

function podProcess(child: ChildProcess, pods: number): PodProcess {
  const news: Answer[] = [];
  const waiting: ((found: Answer) => void)[] = [];
  child.on('message', (found: Answer) => {
    if (found.answer === 'seen' || found.answer === 'bound') news.push(found);
    else waiting.shift()!(found);
  });
  const ask = (question: Question): Promise<Answer> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      child.send(question);
    });
  const started = { child, pods, news, ask };
  children.push(started);
  return started;
}

async function usageOf({ ask }: PodProcess): Promise<Usage> {
  const found = await ask({ ask: 'usage' });
  if (found.answer !== 'usage') throw new Error('no usage');
  return found;
}

async function listPages({ ask }: PodProcess): Promise<void> {
  await ask({ ask: 'usage' });
  for (const which of ['first time', 'again']) {
    const start = performance.now();
    const found = await ask({ ask: 'list', pageSize: 500 });
    if (found.answer !== 'list') throw new Error('no list');
    const { pageMilliseconds } = found;
    if (found.found !== adapters + 2) throw new Error(`${found.found} adapters are listed`);
    tell(`all in pages of 500, ${which}`, (performance.now() - start) / 1000, 's');
    tell(`a page, ${which}: median`, quantile(pageMilliseconds, 0.5), 'ms');
    tell(`a page, ${which}: longest`, Math.max(...pageMilliseconds), 'ms');
  }
  const usage = await ask({ ask: 'usage' });
  if (usage.answer === 'usage') tell('longest pause of the event loop while listing', usage.longestPause, 'ms');
}

/** Measures the cost of an operation for server and pods. */
async function costs(all: readonly PodProcess[], what: string, seconds: number, work: Promise<unknown>): Promise<void> {
  const before = await Promise.all(all.map(usageOf));
  const server = serverUsage();
  const start = performance.now();
  await Promise.all([setTimeout(seconds * 1000), work]);
  const serverSeconds = serverUsage() - server;
  const elapsed = (performance.now() - start) / 1000;
  const after = await Promise.all(all.map(usageOf));
  const change = (of: (usage: Usage) => number): number => sum(after.map(of)) - sum(before.map(of));
  tell(`${what}: nats-server, of a core`, (100 * serverSeconds) / elapsed, '%');
  tell(`${what}: a pod, of a core`, (100 * change(({ cpuSeconds }) => cpuSeconds)) / elapsed / podCount, '%');
  tell(`${what}: read by all pods`, change(({ readBytes }) => readBytes) / elapsed / mebibyte, 'MiB/s');
  tell(`${what}: longest pause of the event loop`, Math.max(...after.map((usage) => usage.longestPause)), 'ms');
}

async function idle(all: readonly PodProcess[]): Promise<void> {
  await costs(all, 'nothing happens', Number(flags.idle), Promise.resolve());
}

/** Moves the alias, and waits for every pod. @returns milliseconds until each saw it and bound it */
async function move(all: readonly PodProcess[]): Promise<{ readonly seen: number[]; readonly bound: number[] }> {
  const version = await publish(moved, -1000 - (seeds += 1));
  for (const { news } of all) news.length = 0;
  const start = performance.timeOrigin + performance.now();
  await registry.setAlias(`${moved}@${version}`, 'stable');
  const times = (what: 'seen' | 'bound'): number[] =>
    all
      .flatMap(({ news }) => news)
      .flatMap((found) => (found.answer === what && found.version === version ? [found.at - start] : []));
  const deadline = performance.now() + 180_000;
  while ((times('seen').length < podCount || times('bound').length < podCount) && performance.now() < deadline) {
    await setTimeout(20);
  }
  if (times('bound').length < podCount) {
    throw new Error(`${times('seen').length} pods saw version ${version}, ${times('bound').length} bound it`);
  }
  return { seen: times('seen'), bound: times('bound') };
}
async function moveAlias(all: readonly PodProcess[]): Promise<void> {
  const seen: number[] = [];
  const bound: number[] = [];
  for (let index = 0; index < Number(flags.moves); index++) {
    const found = await move(all);
    seen.push(...found.seen);
    bound.push(...found.bound);
    await setTimeout(200);
  }
  tell(`alias moved, ${podCount} pods see it: median`, quantile(seen, 0.5), 'ms');
  tell(`alias moved, ${podCount} pods see it: p99`, quantile(seen, 0.99), 'ms');
  tell(`alias moved, ${podCount} pods see it: longest`, Math.max(...seen), 'ms');
  tell(`alias moved, ${podCount} pods have the version: median`, quantile(bound, 0.5), 'ms');
  tell(`alias moved, ${podCount} pods have the version: longest`, Math.max(...bound), 'ms');
}

/** Registers adapters that concern no pod, ten a second. */
async function burst(all: readonly PodProcess[]): Promise<void> {
  const [perSecond, seconds] = [10, 20];
  const work = (async () => {
    for (let index = 0; index < perSecond * seconds; index++) {
      const next = setTimeout(1000 / perSecond);
      await publish(`later-${index}`, -1_000_000 - index);
      await next;
    }
  })();
  await costs(all, `${perSecond} registered a second`, seconds, work);
}

/** Kills and restarts the server: every pod connects again at once. */
async function reconnect(all: readonly PodProcess[]): Promise<void> {
  await nats.kill();
  await setTimeout(1000);
  const starting = performance.now();
  await nats.start();
  tell('nats-server: restart', (performance.now() - starting) / 1000, 's');
  const again = performance.now();
  let whole = 0;
  const work = move(all).then(() => {
    whole = performance.now() - again;
  });
  await costs(all, '30 s after a restart', 30, work);
  tell(`after a restart, ${podCount} pods have a moved alias after`, whole / 1000, 's');
  tell('after a restart: memory of nats-server', memoryOf(nats.pid()!) / mebibyte, 'MiB');
}

/** Processor seconds of nats-server since its start. */
function serverUsage(): number {
  const fields = readFileSync(`/proc/${nats.pid()}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}
