/**
 * `make bench-peers`: patches per second of base's forward pass by hyperswap and by the engines that a user could take
 * instead, in turns on the same machine. Writes out/bench/peers.json.
 *
 * Ours includes embedding and pooling; the others run the blocks only.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { inMemory } from '@hyperswap/safetensors';
import { backboneConfigs, encoderShapes, initialParameters, writeBackbone } from '@hyperswap/spectralgpt';
import { repository } from '../support/fixtures.js';
import { ourCase, runCase } from './measure.js';

const { values: flags } = parseArgs({
  options: { python: { type: 'string' }, rounds: { type: 'string', default: '2' }, only: { type: 'string' } },
});

type Precision = 'float32' | 'bfloat16' | 'int8';

/** Engines and what they are asked to run in. */
const contestants: readonly { readonly engine: string; readonly precisions: readonly Precision[] }[] = [
  { engine: 'hyperswap', precisions: ['float32', 'bfloat16', 'int8'] },
  { engine: 'torch', precisions: ['float32', 'bfloat16', 'int8'] },
  { engine: 'torch-compile', precisions: ['float32', 'bfloat16'] },
  { engine: 'onnxruntime', precisions: ['float32', 'int8'] },
  { engine: 'openvino', precisions: ['float32', 'bfloat16', 'int8'] },
];
const batches = [8, 32];
const repetitions = 3;

interface Result {
  readonly engine: string;
  readonly precision: Precision;
  readonly batch: number;
  /** Patches per second of the fastest run of all rounds. */
  speed: number;
  peakBytes: number;
}

const folder = await mkdtemp(path.join(tmpdir(), 'hyperswap-peers-'));
const results: Result[] = [];
try {
  const { base } = backboneConfigs;
  await writeBackbone(folder, base, inMemory(initialParameters(encoderShapes(base), 1)), 'F32');
  const wanted = flags.only?.split(',');
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const { engine, precisions } of contestants) {
      if (wanted !== undefined && !wanted.includes(engine)) continue;
      for (const precision of precisions) for (const batch of batches) await measure(engine, precision, batch);
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
const output = path.join(repository, 'out', 'bench', 'peers.json');
await mkdir(path.dirname(output), { recursive: true });
await writeFile(output, `${JSON.stringify({ machine: cpus().map(({ model }) => model), results }, null, 2)}\n`);
table();

async function measure(engine: string, precision: Precision, batch: number): Promise<void> {
  const given = { engine, precision, batch, repetitions, folder };
  const script = path.join(repository, 'tests', 'bench', 'peer_case.py');
  const command: readonly [string, ...string[]] =
    engine === 'hyperswap'
      ? ourCase('./case.js', 'forward', given)
      : [flags.python ?? 'python3', script, JSON.stringify(given)];
  const measured = await runCase(command);
  const speed = batch / Math.min(...measured.seconds);
  console.log(
    `${engine.padEnd(14)} ${precision.padEnd(9)} ${String(batch).padStart(3)}  ${speed.toFixed(1)} patches/s`,
  );
  const known = results.find((r) => r.engine === engine && r.precision === precision && r.batch === batch);
  if (known === undefined) results.push({ engine, precision, batch, speed, peakBytes: measured.peakBytes });
  else {
    known.speed = Math.max(known.speed, speed);
    known.peakBytes = Math.max(known.peakBytes, measured.peakBytes);
  }
}

/** Prints the best batch of each engine, and ours divided by the best of the others. */
function table(): void {
  const best = (engine: string, precision: Precision): number =>
    Math.max(0, ...results.filter((r) => r.engine === engine && r.precision === precision).map(({ speed }) => speed));
  const engines = contestants.map(({ engine }) => engine);
  console.log(
    `\n${'best batch'.padEnd(10)} ${engines.map((engine) => engine.padStart(14)).join('')}   ours ÷ best other`,
  );
  for (const precision of ['float32', 'bfloat16', 'int8'] as const) {
    const speeds = engines.map((engine) => best(engine, precision));
    const cells = speeds.map((speed) => (speed === 0 ? '–' : speed.toFixed(1)).padStart(14)).join('');
    const other = Math.max(...speeds.slice(1));
    const ratio = other === 0 ? '' : (speeds[0]! / other).toFixed(2);
    console.log(`${precision.padEnd(10)} ${cells}   ${ratio}`);
  }
}
