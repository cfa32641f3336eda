/**
 * `make bench` and `make bench-pytorch`: measures, prints a table, and writes rows of `{work, precision, batch, ours,
 * unit, …}`.
 *
 * With PyTorch (`--pytorch PYTHON`) both sides run each case in turn, so that a drift of the machine's speed affects
 * both.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { adaptationParameterCount, adaptedWeight, findMethod, methodNames, methodSettings } from '@hyperswap/peft';
import {
  initialParameters,
  backboneConfigs,
  encoderShapes,
  readBackbone,
  tokenCount,
  writeBackbone,
} from '@hyperswap/spectralgpt';
import { inMemory } from '@hyperswap/safetensors';
import { Backbones } from '@hyperswap/registry';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { repository } from '../support/fixtures.js';
import { madeUpBlob } from '../support/made-up-adapter.js';
import { serversMissing } from '../support/servers.js';
import { ourCase, runCase, summary, type Measured } from './measure.js';
import type { RegistryMeasured } from './registry-case.js';

interface Row {
  readonly work: string;
  readonly precision: string;
  readonly batch: number;
  readonly ours: number;
  readonly spread?: number;
  readonly theirs?: number;
  readonly ratio?: number;
  readonly unit: string;
}

const { values: flags } = parseArgs({
  options: {
    pytorch: { type: 'string' },
    quick: { type: 'boolean' },
    rounds: { type: 'string', default: '2' },
    data: { type: 'string' },
    // Parts to measure, separated by commas.
    only: { type: 'string' },
  },
});
const rounds = flags.quick === true ? 1 : Number(flags.rounds);
const python = flags.pytorch;
const rows: Row[] = [];

function tell(row: Row): void {
  rows.push(row);
  const { work, precision, batch, ours, spread, theirs, ratio, unit } = row;
  const side = theirs === undefined ? '' : `  PyTorch ${theirs.toFixed(2)}  ratio ${ratio!.toFixed(2)}`;
  const deviation = spread === undefined ? '' : ` ± ${spread.toFixed(2)}`;
  console.log(
    `${work.padEnd(34)} ${precision.padEnd(9)} ${String(batch).padStart(4)}  ${ours.toFixed(2)}${deviation} ${unit}${side}`,
  );
}

/**
 * Runs a case of ours and PyTorch's case in turn, several rounds.
 *
 * @param perItem units of an item of the batch
 * @returns our units per second
 */
async function sideBySide(
  work: string,
  name: string,
  given: { precision: string; batch: number; repetitions: number; method?: string },
  unit: string,
  perItem = 1,
): Promise<number> {
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    ours.push(await runCase(ourCase('./case.js', name, { folder: baseFolder, ...given })));
    if (python !== undefined) {
      const script = path.join(repository, 'tests', 'bench', 'pytorch_case.py');
      theirs.push(await runCase([python, script, name, JSON.stringify(given)]));
    }
  }
  const rate = (measured: readonly Measured[]) =>
    summary(measured.flatMap(({ seconds }) => seconds.map((s) => (perItem * given.batch) / s)));
  const peak = (measured: readonly Measured[]): number =>
    Math.max(...measured.map(({ peakBytes }) => peakBytes)) / 2 ** 30;
  const { median, spread } = rate(ours);
  const { precision, batch } = given;
  const other = theirs.length > 0 ? { theirs: rate(theirs).median, ratio: median / rate(theirs).median } : {};
  tell({ work, precision, batch, ours: median, spread, ...other, unit });
  const otherPeak = theirs.length > 0 ? { theirs: peak(theirs), ratio: peak(ours) / peak(theirs) } : {};
  tell({ work: `${work}, peak memory`, precision, batch, ours: peak(ours), ...otherPeak, unit: 'GiB' });
  return median;
}

/**
 * GFLOP of base's blocks for one patch: 24 width² a token and block for the layers, 4 · tokens · width for attention.
 */
function forwardGigaflop(): number {
  const { width, depth } = backboneConfigs.base;
  const tokens = tokenCount(backboneConfigs.base);
  return (tokens * depth * (24 * width ** 2 + 4 * tokens * width)) / 1e9;
}

async function engine(): Promise<void> {
  const batches = flags.quick === true ? [32] : [8, 32, 128];
  for (const batch of batches) {
    const given = { precision: 'int8', batch, repetitions: batch > 64 ? 2 : 3 };
    await sideBySide('base forward', 'forward', given, 'patches/s');
  }
  for (const precision of ['float32', 'bfloat16'] as const) {
    const { width, mlpRatio } = backboneConfigs.base;
    const gigaflopOfRow = (2 * mlpRatio * width ** 2) / 1e9;
    const product = { precision, batch: 2048, repetitions: 20 };
    const peak = await sideBySide('matrix product', 'product', product, 'GFLOP/s', gigaflopOfRow);
    for (const batch of batches) {
      const given = { precision, batch, repetitions: batch > 64 ? 2 : 3 };
      const speed = await sideBySide('base forward', 'forward', given, 'patches/s');
      const share = (100 * speed * forwardGigaflop()) / peak;
      tell({ work: 'base forward ÷ matrix product', precision, batch, ours: share, unit: '%' });
    }
    const batch = flags.quick === true ? 16 : 64;
    await sideBySide(
      'KronA+ step, base',
      'trainingStep',
      { method: 'krona+', precision, batch, repetitions: 2 },
      'samples/s',
    );
  }
}

/** Measures every method at base size: learned values, size of the adapter, speed of a step. */
async function methodsAtBase(): Promise<void> {
  const config = backboneConfigs.base;
  const [classes, bands, batch] = [16, 200, 16];
  const precision = 'float32';
  const pca = { mean: new Float32Array(bands), components: new Float32Array(config.components * bands) };
  const made = { backbone: { name: 'base', digest: '' }, patchSize: 15, bands, pcaDigest: '', classes, seed: 1 };
  for (const method of methodNames.map(findMethod)) {
    const adaptation = { method, settings: methodSettings(method, adaptedWeight(config), {}) };
    const learned = adaptationParameterCount(adaptation, config) + classes * (config.width + 1);
    tell({ work: `${method.name}, learned values`, precision, batch, ours: learned, unit: 'values' });
    const blob = madeUpBlob(made, adaptation, config, pca);
    tell({ work: `${method.name}, adapter`, precision, batch, ours: blob.byteLength / 1e6, unit: 'MB' });
    const given = { folder: baseFolder, method: method.name, precision, batch, repetitions: 3 };
    const { seconds, peakBytes } = await runCase(ourCase('./case.js', 'trainingStep', given));
    const { median, spread } = summary(seconds.map((s) => batch / s));
    tell({ work: `${method.name}, step`, precision, batch, ours: median, spread, unit: 'samples/s' });
    tell({ work: `${method.name}, step, peak memory`, precision, batch, ours: peakBytes / 2 ** 30, unit: 'GiB' });
  }
}

async function pca(): Promise<void> {
  const file = path.join(flags.data ?? path.join(repository, '..', 'shared', 'data'), 'indian_pines', 'IndianPine.mat');
  const given = { file, repetitions: 5 };
  const ours = await runCase(ourCase('./pca-case.js', 'pca', given));
  const script = path.join(repository, 'tests', 'bench', 'pytorch_case.py');
  const theirs = python === undefined ? undefined : await runCase([python, script, 'pca', JSON.stringify(given)]);
  const { median, spread } = summary(ours.seconds);
  const beside =
    theirs === undefined
      ? {}
      : { theirs: summary(theirs.seconds).median, ratio: median / summary(theirs.seconds).median };
  tell({ work: 'PCA of Indian Pines', precision: 'float64', batch: 1, ours: median, spread, ...beside, unit: 's' });
}

async function serving(): Promise<void> {
  const given = { size: 'mini', precision: 'float32', side: 64, repetitions: 3 };
  const rates: Record<string, number> = {};
  for (const mode of ['bare', 'grpc', 'alternating']) {
    const all: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const { seconds } = await runCase(ourCase('./serving-case.js', mode, given));
      all.push(...seconds.map((s) => given.side ** 2 / s));
    }
    const { median, spread } = summary(all);
    rates[mode] = median;
    const work = { bare: 'scene, engine alone', grpc: 'scene through gRPC', alternating: 'two adapters, tile by tile' }[
      mode
    ]!;
    tell({ work, precision: given.precision, batch: 128, ours: median, spread, unit: 'patches/s, mini' });
  }
  const ratio = (work: string, value: number): void => {
    tell({ work, precision: given.precision, batch: 128, ours: value, unit: 'ratio' });
  };
  ratio('gRPC ÷ engine alone', rates.grpc! / rates.bare!);
  ratio('two adapters ÷ one', rates.alternating! / rates.grpc!);
}

interface BindingMeasured {
  readonly idleBytes: number;
  readonly perAdapterBytes: number;
  readonly peakBytes: number;
  readonly bindMilliseconds: readonly number[];
  readonly bindUnderLoadMilliseconds: readonly number[];
  readonly p99Milliseconds: { readonly quiet: number; readonly swapping: number };
}

/** Measures a pod on base: memory, and the cost of binding. */
async function pod(): Promise<void> {
  for (const precision of ['int8', 'bfloat16', 'float32'] as const) {
    const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-bench-'));
    try {
      const store = new DirectoryObjectStore(path.join(home, 'store'));
      await new Backbones(store).keep(await readBackbone('bench-base', baseFolder), baseFolder);
      const given = { size: 'base', precision, side: 24, repetitions: 1, home };
      const found = await runCase<BindingMeasured>(ourCase('./serving-case.js', 'bind', given));
      const row = (work: string, ours: number, unit: string): void => {
        tell({ work, precision, batch: 1, ours, unit });
      };
      row('pod on base, idle', found.idleBytes / 2 ** 30, 'GiB');
      row('pod on base, peak', found.peakBytes / 2 ** 30, 'GiB');
      row('each bound adapter', found.perAdapterBytes / 2 ** 20, 'MiB');
      row('bind and warm, idle', summary(found.bindMilliseconds).median, 'ms');
      row('bind and warm, tiles streaming', summary(found.bindUnderLoadMilliseconds).median, 'ms');
      row('p99 between tiles, swapping ÷ quiet', found.p99Milliseconds.swapping / found.p99Milliseconds.quiet, 'ratio');
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  }
}

/** Measures a registry of ten thousand adapters on NATS and MinIO. */
async function registry(): Promise<void> {
  if (serversMissing !== undefined) {
    console.log(`no registry case: ${serversMissing}`);
    return;
  }
  const adapters = flags.quick === true ? 500 : 10_000;
  const found = await runCase<RegistryMeasured>(ourCase('./registry-case.js', 'registry', { adapters }));
  const row = (work: string, ours: number): void => {
    tell({ work: `${work}, ${adapters} adapters`, precision: '-', batch: 1, ours, unit: 'ms' });
  };
  row('register', found.registerMilliseconds);
  row('start a pod', found.startMilliseconds);
  row('list 500, cold', found.coldPageMilliseconds);
  row('list all, cold', found.coldListMilliseconds);
  row('list all, warm', found.warmListMilliseconds);
  row('resolve', found.resolveMilliseconds.median);
  row('resolve, p99', found.resolveMilliseconds.p99);
}

const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
console.log(machine);
const parts = { engine, pca, ...(python === undefined && { methods: methodsAtBase, serving, pod, registry }) };
const wanted = flags.only?.split(',') ?? Object.keys(parts);
const baseFolder = await mkdtemp(path.join(tmpdir(), 'hyperswap-base-'));
try {
  const parameters = inMemory(initialParameters(encoderShapes(backboneConfigs.base), 1));
  await writeBackbone(baseFolder, backboneConfigs.base, parameters, 'F32');
  for (const [name, measure] of Object.entries(parts)) if (wanted.includes(name)) await measure();
} finally {
  await rm(baseFolder, { recursive: true, force: true });
}
const out = path.join(repository, 'out', 'bench');
await mkdir(out, { recursive: true });
const name = [python === undefined ? 'bench' : 'pytorch', ...(flags.only?.split(',') ?? [])].join('-');
const file = path.join(out, `${name}.json`);
await writeFile(file, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
console.log(file);
