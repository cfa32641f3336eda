/**
 * `make bench-peft`: one pod beside PyTorch that switches LoRA adapters by Hugging Face's PEFT, on the same tiles.
 * Writes out/bench/peft.json.
 *
 * - hyperswap: a pod, asked through gRPC; the client shares its cores.
 * - set_adapter: PyTorch in its own process, one tile at a time, without a network.
 * - adapter_names: the same with several tiles in a batch, each by its own adapter.
 *
 * Each side is a process of its own. Sides take turns; `--only` picks some of them. A rate is the best of all rounds, a
 * time the median of a round, the least of all rounds.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Backbones } from '@hyperswap/registry';
import { inMemory } from '@hyperswap/safetensors';
import {
  backboneConfigs,
  encoderShapes,
  initialParameters,
  pretrainedDirectory,
  readBackbone,
  writeBackbone,
} from '@hyperswap/spectralgpt';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { repository } from '../support/fixtures.js';
import { runCase } from './measure.js';
import { measurePod, type PeftCase, type PeftMeasured } from './peft-pod.js';
import { checkedTiles, classes, deviation, halo, patchSize, prepareWork, side, type Work } from './peft-work.js';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    backbone: { type: 'string', default: 'mini' },
    rounds: { type: 'string', default: '2' },
    adapters: { type: 'string', default: '1,2,16,64' },
    tiles: { type: 'string', default: '16' },
    mixed: { type: 'string', default: '4' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
if (flags.backbone !== 'mini' && flags.backbone !== 'base') throw new Error('--backbone is mini or base');
const threads = Number(flags.threads);
const tileCount = Number(flags.tiles);
const counts = flags.adapters.split(',').map(Number);
const versions = 4;
/** Labels of both sides in float32 that must be equal. Single precision rounds differently in each engine. */
const leastEqual = 0.99;

interface Side {
  readonly name: 'hyperswap' | 'set_adapter' | 'adapter_names';
  readonly precision: 'float32' | 'bfloat16' | 'int8';
  /** It is measured in the first round only. */
  readonly once?: true;
}

const sides: readonly Side[] = [
  { name: 'hyperswap', precision: 'int8' },
  { name: 'hyperswap', precision: 'bfloat16' },
  // For its labels: a pod serves in int8, or in bfloat16 where int8 errs too much.
  { name: 'hyperswap', precision: 'float32', once: true },
  { name: 'set_adapter', precision: 'bfloat16' },
  { name: 'set_adapter', precision: 'float32' },
  { name: 'adapter_names', precision: 'bfloat16' },
  { name: 'adapter_names', precision: 'float32' },
];
/** Sides of `--only`, each `set_adapter` or `set_adapter-float32`. */
const wanted = sides.filter(({ name, precision }) => {
  const only = flags.only?.split(',');
  return only === undefined || only.includes(name) || only.includes(`${name}-${precision}`);
});
const results = new Map<Side, PeftMeasured[]>();
const config = backboneConfigs[flags.backbone];
const backboneName = flags.backbone === 'mini' ? 'spectralgpt-mini' : 'bench-base';
const home = await mkdtemp(path.join(tmpdir(), 'hyperswap-peft-'));
try {
  const folder = path.join(home, 'peft');
  await mkdir(folder);
  const backboneFolder = await backbone();
  const work = await prepareWork(environmentOf('float32'), folder, config, { adapters: counts.at(-1)!, versions });
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const each of wanted) {
      if (each.once === true && round > 0) continue;
      const measured = await measure(each, round, work, folder, backboneFolder);
      results.set(each, [...(results.get(each) ?? []), measured]);
      const rates = measured.rates.map((rate) => rate.toFixed(1)).join(', ');
      console.log(`round ${round + 1}: ${title(each)} ${rates} tiles/s with ${counts.join(', ')} adapters`);
    }
  }
} finally {
  await rm(home, { recursive: true, force: true });
}
const rows = wanted.map(summarise);
const byHeads = equalShare(reference()?.headLabels);
const output = path.join(repository, 'out', 'bench', 'peft.json');
await mkdir(path.dirname(output), { recursive: true });
const settings = {
  backbone: backboneName,
  threads,
  counts,
  tiles: tileCount,
  mixed: Number(flags.mixed),
  side,
  patchSize,
};
const machine = cpus().map(({ model }) => model);
await writeFile(output, `${JSON.stringify({ machine, ...settings, rows, equalByHeads: byHeads ?? null }, null, 2)}\n`);
table();
const unequal = rows.filter(
  ({ precision, equal }) => precision === 'float32' && equal !== undefined && equal < leastEqual,
);
for (const { name, equal } of unequal) console.error(`${name}: only ${equal} of the labels are equal in float32`);
if (byHeads !== undefined && byHeads >= leastEqual)
  console.error('the labels do not show whether updates were applied');
if (unequal.length > 0 || (byHeads ?? 0) >= leastEqual) process.exitCode = 1;

/** Returns the folder of the backbone: the one that ships, or base with random weights, kept in the pods' store too. */
async function backbone(): Promise<string> {
  if (flags.backbone === 'mini') return path.join(pretrainedDirectory, backboneName);
  const folder = path.join(home, 'backbone');
  await mkdir(folder);
  await writeBackbone(folder, config, inMemory(initialParameters(encoderShapes(config), 1)), 'F32');
  const store = new DirectoryObjectStore(path.join(home, 'home', 'store'));
  await new Backbones(store).keep(await readBackbone(backboneName, folder), folder);
  return folder;
}

function environmentOf(precision: Side['precision']): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HYPERSWAP_HOME: path.join(home, 'home'),
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_BACKBONE: backboneName,
    HYPERSWAP_PRECISION: precision,
    OMP_NUM_THREADS: String(threads),
    TF_NUM_INTRAOP_THREADS: String(threads),
  };
}

function title({ name, precision }: Side): string {
  return `${name.padEnd(14)} ${precision.padEnd(9)}`;
}

function measure(
  { name, precision }: Side,
  round: number,
  work: Work,
  folder: string,
  backboneFolder: string,
): Promise<PeftMeasured> {
  const first = round * tileCount;
  const given: PeftCase = {
    counts,
    first,
    tiles: tileCount,
    swaps: Math.min(10, tileCount),
    versions,
    checked: checkedTiles,
  };
  if (name === 'hyperswap') return measurePod(environmentOf(precision), work, given);
  const mode = name === 'set_adapter' ? 'set' : 'mixed';
  const model = { backbone: backboneFolder, precision, classes, deviation, side, halo, patchSize };
  const more = { ...model, mode, mixed: Number(flags.mixed), folder, threads, memory: round === 0 };
  const script = path.join(repository, 'tests', 'bench', 'peft_case.py');
  return runCase([flags.python, script, JSON.stringify({ ...given, ...more })]);
}

/** Puts the rounds of a side together. */
function summarise(of: Side) {
  const rounds = results.get(of)!;
  const least = (field: 'usual' | 'swap' | 'setAdapter' | 'published'): number | undefined => {
    const found = rounds.map((round) => round[field]).filter((value) => value !== undefined);
    return found.length === 0 ? undefined : Math.min(...found);
  };
  const rates = counts.map((_, index) => Math.max(...rounds.map((round) => round.rates[index]!)));
  return {
    ...of,
    inProcess: of.name !== 'hyperswap',
    tilesPerSecond: rates,
    ratio: rates.at(-1)! / rates[0]!,
    usualMilliseconds: least('usual'),
    swapMilliseconds: least('swap'),
    setAdapterMilliseconds: least('setAdapter'),
    publishedMilliseconds: least('published'),
    residentBytesPerAdapter: rounds[0]!.residentBytes ?? undefined,
    boundBytesPerAdapter: rounds[0]!.boundBytes,
    adaptersReadyAtOnce: rounds[0]!.bindings,
    equal: equalShare(rounds[0]!.labels),
  };
}

/** Returns what PyTorch with `set_adapter` in float32 found; undefined when it did not run. */
function reference(): PeftMeasured | undefined {
  return results.get(sides.find(({ name, precision }) => name === 'set_adapter' && precision === 'float32')!)?.[0];
}

/** Returns the share of labels that are the reference's; undefined without labels or reference. */
function equalShare(labels: readonly number[] | undefined): number | undefined {
  const expected = reference()?.labels;
  if (expected === undefined || labels === undefined) return undefined;
  return labels.filter((label, index) => label === expected[index]).length / expected.length;
}

function table(): void {
  const cell = (value: number | undefined, digits: number, width: number): string =>
    (value === undefined ? '–' : value.toFixed(digits)).padStart(width);
  console.log(
    `\n${backboneName}, ${threads} threads, tiles of ${side} × ${side} pixels, LoRA of rank 4 on q and v, adapters in turns tile by tile.` +
      `\nhyperswap answers through gRPC, its client on the same cores; set_adapter and adapter_names (${flags.mixed} tiles a batch) are PyTorch and` +
      `\nPEFT in their own process, without a network. "ready": milliseconds over a usual tile after a switch to a loaded adapter.` +
      `\n"new": from the alias's move, or from load_adapter, to the first tile by a new version, over a usual tile.\n`,
  );
  const heads = counts.map((count) => `${count} in turns`.padStart(12)).join('');
  console.log(
    `${'tiles per second'.padEnd(24)}${heads}   last÷first  usual ms  ready ms  set_adapter ms   new ms  RSS KiB/adapter  own KiB/adapter  labels equal`,
  );
  for (const row of rows) {
    const kibibytes = (bytes: number | undefined): number | undefined =>
      bytes === undefined ? undefined : bytes / 1024;
    console.log(
      title(row) +
        row.tilesPerSecond.map((rate) => cell(rate, 1, 12)).join('') +
        cell(row.ratio, 2, 13) +
        cell(row.usualMilliseconds, 1, 10) +
        cell(row.swapMilliseconds, 1, 10) +
        cell(row.setAdapterMilliseconds, 2, 16) +
        cell(row.publishedMilliseconds, 0, 9) +
        cell(kibibytes(row.residentBytesPerAdapter), 0, 17) +
        cell(kibibytes(row.boundBytesPerAdapter), 0, 17) +
        cell(row.equal === undefined ? undefined : 100 * row.equal, 1, 12) +
        ' %',
    );
  }
  if (byHeads === undefined) return;
  console.log(
    `\nLabels are compared with set_adapter's in float32: ${checkedTiles.length} tiles by as many adapters. ` +
      `Without LoRA's updates ${(100 * byHeads).toFixed(1)} % would be equal.`,
  );
}
