/**
 * Pods of the simulation at scale, many in one process: each has a connection of its own to NATS, the registry, and the
 * part of tile-inference that follows it. Only the engine is left out: a binding takes no time and no memory. The
 * parent process asks by messages ({@link Question}) and gets one answer each ({@link Answer}); news of the moved alias
 * come on their own.
 */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { NatsBus } from '@hyperswap/messaging';
import { AdapterRegistry, Backbones } from '@hyperswap/registry';
import { backboneConfigs } from '@hyperswap/spectralgpt';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { createLogger } from '@hyperswap/telemetry';
import type { ProgramClient } from '@hyperswap/tensor';
import { BindingTable, followRegistry, type Follower, type TileProgram } from '@hyperswap/tile-inference';

export interface Given {
  readonly url: string;
  readonly store: string;
  /** Name whose alias `stable` is moved. */
  readonly moved: string;
}

export type Question =
  | { readonly ask: 'start'; readonly pods: number }
  | { readonly ask: 'usage' }
  | { readonly ask: 'list'; readonly pageSize: number };

/** Use of the machine by a process since its start. */
export interface Usage {
  readonly heapBytes: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** Bytes read from sockets and files. */
  readonly readBytes: number;
  /** Longest time that the event loop stood still since the last question. */
  readonly longestPause: number;
  readonly binds: number;
}

export type Answer =
  | { readonly answer: 'started'; readonly readyMilliseconds: readonly number[] }
  | ({ readonly answer: 'usage' } & Usage)
  | { readonly answer: 'list'; readonly pageMilliseconds: readonly number[]; readonly found: number }
  | { readonly answer: 'seen' | 'bound'; readonly version: number; readonly at: number };

interface SimulatedPod {
  readonly bus: NatsBus;
  readonly registry: AdapterRegistry;
  readonly follower: Follower;
}

const given = JSON.parse(process.argv[2]!) as Given;
const logger = createLogger('silent', 'scaling');
const store = new DirectoryObjectStore(given.store);
const pods: SimulatedPod[] = [];
const pauses = { longest: 0, last: performance.now() };
let binds = 0;

setInterval(() => {
  const now = performance.now();
  pauses.longest = Math.max(pauses.longest, now - pauses.last - 20);
  pauses.last = now;
}, 20);

process.on('message', (question: Question) => {
  void answer(question).then((found) => process.send!(found));
});

async function answer(question: Question): Promise<Answer> {
  if (question.ask === 'start') {
    // One after another, because each simulates its own machine.
    const readyMilliseconds: number[] = [];
    for (let count = 0; count < question.pods; count++) readyMilliseconds.push(await startPod());
    return { answer: 'started', readyMilliseconds };
  }
  if (question.ask === 'list') return listAll(pods[0]!.registry, question.pageSize);
  return { answer: 'usage', ...(await usage()) };
}

/** Starts a pod. @returns milliseconds until it is ready */
async function startPod(): Promise<number> {
  const start = performance.now();
  const bus = await NatsBus.open({ url: given.url });
  const backbones = new Backbones(store);
  const registry = new AdapterRegistry(store, bus, backbones);
  registry.watch((name, { aliases }) => {
    if (name === given.moved) tell('seen', aliases.stable ?? 0);
  });
  const bindings = new BindingTable({
    registry,
    engine: { call } as ProgramClient<TileProgram>,
    backbone: { name: 'reference', digest: 'reference', config: backboneConfigs.mini, precision: 'bfloat16' },
    budgetBytes: 1024 ** 3,
    logger,
  });
  const follower = followRegistry(registry, bindings, logger);
  await follower.reconciler.settled;
  pods.push({ bus, registry, follower });
  return performance.now() - start;
}

/** Engine of a simulated pod, which computes nothing. */
const call = ((method: string, { reference }: { readonly reference: string }) => {
  if (method !== 'bind') return Promise.resolve();
  binds += 1;
  const [name, version] = reference.split('@');
  if (name === given.moved) tell('bound', Number(version));
  return Promise.resolve(1024);
}) as ProgramClient<TileProgram>['call'];

function tell(what: 'seen' | 'bound', version: number): void {
  const news: Answer = { answer: what, version, at: performance.timeOrigin + performance.now() };
  process.send!(news);
}

async function listAll(registry: AdapterRegistry, pageSize: number): Promise<Answer> {
  const pageMilliseconds: number[] = [];
  let found = 0;
  for (let after = ''; ;) {
    const start = performance.now();
    const { records, next } = await registry.list(after, pageSize);
    pageMilliseconds.push(performance.now() - start);
    found += records.length;
    if (next === '') return { answer: 'list', pageMilliseconds, found };
    after = next;
  }
}

async function usage(): Promise<Usage> {
  const { user, system } = process.cpuUsage();
  const readBytes = Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
  const longestPause = pauses.longest;
  // Twice, as objects with finalizers need it.
  for (let round = 0; round < 2; round++) {
    globalThis.gc!();
    await setTimeout(50);
  }
  pauses.longest = 0;
  pauses.last = performance.now();
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    heapBytes: heapUsed + external,
    residentBytes: rss,
    cpuSeconds: (user + system) / 1e6,
    readBytes,
    longestPause,
    binds,
  };
}
