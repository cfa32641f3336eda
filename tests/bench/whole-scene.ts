/**
 * Seconds for the map of Indian Pines, end to end through `classify`: adaptive in int8, with `--exact` also exact in
 * int8 and in bfloat16 (15 minutes more on base), beside PyTorch's bfloat16 forward pass for every pixel when
 * `--python` names an interpreter with torch. On base the backbone has random weights: that changes no speed, and makes
 * a map noisier, so that adaptive mode has more to classify. A home that is named is kept, and its adapter serves
 * again.
 *
 *   node tests/dist/bench/whole-scene.js --backbone base [--method krona+ --epochs 10]
 *     [--python PYTHON] [--agreement 0.99] [--exact] [--home FOLDER]
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { Random } from '@hyperswap/random';
import { writeNpy } from '@hyperswap/raster';
import { Backbones } from '@hyperswap/registry';
import { inMemory } from '@hyperswap/safetensors';
import { backboneConfigs, encoderShapes, initialParameters, readBackbone, writeBackbone } from '@hyperswap/spectralgpt';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { commandFile } from '../support/command.js';
import { repository } from '../support/fixtures.js';
import { readMap, readRaster } from '../support/rasters.js';
import { runCase } from './measure.js';

const { values: flags } = parseArgs({
  options: {
    backbone: { type: 'string', default: 'base' },
    python: { type: 'string' },
    agreement: { type: 'string', default: '0.99' },
    exact: { type: 'boolean', default: false },
    method: { type: 'string', default: 'linear-probe' },
    epochs: { type: 'string', default: '20' },
    home: { type: 'string' },
  },
});

const home = flags.home ?? (await mkdtemp(path.join(tmpdir(), 'hyperswap-whole-scene-')));
const isPrepared = existsSync(path.join(home, 'prepared'));
const run = promisify(execFile);
const perClass = 20;
/** Side of Indian Pines in pixels. */
const side = 145;

/** Runs the command line on the home of this benchmark. */
async function command(precision: string, ...args: string[]): Promise<void> {
  const environment = {
    ...process.env,
    HYPERSWAP_HOME: home,
    HYPERSWAP_PORT: '0',
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_PRECISION: precision,
    HYPERSWAP_BACKBONE: flags.backbone === 'base' ? 'base' : 'spectralgpt-mini',
  };
  await run(process.execPath, [commandFile, ...args], { env: environment, maxBuffer: 64 * 1024 * 1024 });
}

/** Stores base with random weights. */
async function storeBase(): Promise<void> {
  const folder = path.join(home, 'base');
  const parameters = inMemory(initialParameters(encoderShapes(backboneConfigs.base), 1));
  await writeBackbone(folder, backboneConfigs.base, parameters, 'F32');
  const backbones = new Backbones(new DirectoryObjectStore(path.join(home, 'store')));
  await backbones.keep(await readBackbone('base', folder), folder);
  await backbones.close();
  await rm(folder, { recursive: true });
}

/** Keeps some labels of each class, drawn at random, so that nothing is left to test: base would take minutes. */
async function fewLabels(file: string): Promise<Uint8Array> {
  const labels = Uint8Array.from(await readMap(file));
  const counts = new Map<number, number>();
  const kept = new Uint8Array(labels.length);
  for (const pixel of new Random(1).shuffle(Int32Array.from(labels.keys()))) {
    const label = labels[pixel]!;
    const count = counts.get(label) ?? 0;
    if (label === 0 || count === perClass) continue;
    counts.set(label, count + 1);
    kept[pixel] = label;
  }
  return writeNpy({ shape: [side, side], values: kept });
}

interface MapSummary {
  readonly height: number;
  readonly width: number;
  readonly seconds: number;
  readonly adaptive?: { readonly value: number; readonly low: number; readonly classified: number };
}

/** Classifies the scene. @returns its summary and labels */
async function classify(precision: string, ...more: string[]) {
  const out = path.join(home, 'map');
  await command(precision, 'classify', '--scene', 'scene', '--adapter', 'map', '--out', out, ...more);
  const summary = JSON.parse(await readFile(path.join(out, 'map.json'), 'utf8')) as MapSummary;
  const labels = Uint8Array.from((await readRaster(path.join(out, 'labels.tif'))).values);
  await rm(out, { recursive: true });
  return { ...summary, labels };
}

/** Seconds of PyTorch in bfloat16 for some patches, without embedding and head. */
async function pytorchSeconds(python: string, patches: number): Promise<number> {
  const script = path.join(repository, 'tests', 'bench', 'peer_case.py');
  const given = { engine: 'torch', precision: 'bfloat16', batch: 32, repetitions: 3 };
  const { seconds } = await runCase([python, script, JSON.stringify(given)]);
  return (patches / 32) * Math.min(...seconds);
}

function print(name: string, seconds: number, more = ''): void {
  console.log(`${name.padEnd(28)} ${seconds.toFixed(1).padStart(7)} s  ${more}`);
}

/** Prepares the scene and trains the adapter. */
async function prepare(): Promise<void> {
  await mkdir(home, { recursive: true });
  if (flags.backbone === 'base') await storeBase();
  await command('auto', 'datasets', 'fetch', 'indian-pines');
  const data = path.join(home, 'datasets', 'indian-pines');
  const few = path.join(home, 'few.npy');
  await writeFile(few, await fewLabels(`${data}-labels.npy`));
  await command('auto', 'scenes', 'prepare', `${data}.npy`, '--labels', `few=${few}`, '--name', 'scene');
  const settings = flags.backbone === 'base' ? ['--set', `epochs=${flags.epochs}`, '--set', 'orientations=false'] : [];
  const train = ['train', '--scene', 'scene', '--adapter', 'map', '--method', flags.method, '--patch-size', '15'];
  await command('auto', ...train, '--split', 'all', ...settings);
  await writeFile(path.join(home, 'prepared'), '');
}

console.log(`${flags.backbone}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`);
try {
  if (!isPrepared) await prepare();
  if (flags.python !== undefined && flags.backbone === 'base') {
    print('PyTorch bfloat16, all pixels', await pytorchSeconds(flags.python, side ** 2), 'forward pass alone');
  }
  const adaptive = await classify('int8', '--mode', 'adaptive', '--agreement', flags.agreement);
  const measured = adaptive.adaptive!;
  const share = (100 * measured.classified) / adaptive.labels.length;
  const [value, low] = [measured.value, measured.low].map((part) => (100 * part).toFixed(2));
  const text = `${share.toFixed(1)} % classified, agreement measured ${value} % (at least ${low} %)`;
  print('adaptive, int8', adaptive.seconds, text);
  if (flags.exact) {
    const exact = await classify('int8');
    const equal = exact.labels.filter((label, pixel) => label === adaptive.labels[pixel]).length / exact.labels.length;
    print('exact, int8', exact.seconds, `the adaptive map has ${(100 * equal).toFixed(2)} % of its labels`);
    print('exact, bfloat16', (await classify('bfloat16')).seconds);
  }
} finally {
  if (flags.home === undefined) await rm(home, { recursive: true, force: true });
}
