/**
 * `make trace-picture`: one trace of a map, from the command line over NATS to the engines of two pods, as
 * `out/bench/trace.svg`. The pods send it to an OpenTelemetry collector, as they would send it to yours.
 *
 * A row is a span, a bar its time. Of each pod's tiles, and of each tile's batches, the first ones are drawn.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { commandFile } from '../support/command.js';
import { repository } from '../support/fixtures.js';
import { startFleet } from '../support/fleet.js';
import { OtlpCollector, type CollectedSpan } from '../support/otlp-collector.js';
import { prepareToy, toyScene } from '../support/services.js';
import { registerMadeUp } from '../support/tile-client.js';

/** Tiles of a pod, and batches of a tile, that are drawn. */
const [tilesOfPod, batchesOfTile] = [2, 3];
const [left, width, rowHeight, top] = [330, 620, 20, 64];
const colours = ['#4a4a4a', '#0b6e99', '#b5541c'];

/** Span with its depth below the root. */
interface Row {
  readonly span: CollectedSpan;
  readonly depth: number;
}

const collector = await OtlpCollector.start();
const fleet = await startFleet();
const directory = await mkdtemp(path.join(tmpdir(), 'hyperswap-trace-'));
try {
  const pods = [];
  for (let i = 0; i < 2; i++) {
    const environment = { ...collector.environment, OMP_NUM_THREADS: '1', TF_NUM_INTRAOP_THREADS: '1' };
    pods.push(await fleet.startPod('preprocessing,tile-inference', environment));
  }
  const [pod] = pods;
  const scene = await prepareToy(pod!, 'toy', toyScene(8, 160));
  await registerMadeUp(pod!, scene, 'traced', { patchSize: 9 });
  const args = ['--endpoint', pod!.endpoint, 'classify', '--scene', 'toy', '--adapter', 'traced', '--out', 'map'];
  const env = { ...process.env, ...collector.environment, HYPERSWAP_LOG_LEVEL: 'silent' };
  await promisify(execFile)(process.execPath, [commandFile, ...args], { cwd: directory, env });
  // The exporters send every 100 ms.
  await setTimeout(2_000);
  const spans = collector.traceFrom('hyperswap classify');
  const output = path.join(repository, 'out', 'bench', 'trace.svg');
  await mkdir(path.dirname(output), { recursive: true });
  await writeFile(output, picture(rowsOf(spans)));
  console.log(`${output}: ${spans.length} spans of ${new Set(spans.map(({ processId }) => processId)).size} processes`);
} finally {
  await fleet.stop();
  await collector.stop();
  await rm(directory, { recursive: true, force: true });
}

/** Returns the spans that are drawn, each below its parent, by their begin. */
function rowsOf(spans: readonly CollectedSpan[]): Row[] {
  const counts = new Map<string, number>();
  const isWithin = (key: string, most: number): boolean => {
    const drawn = (counts.get(key) ?? 0) + 1;
    counts.set(key, drawn);
    return drawn <= most;
  };
  const rows: Row[] = [];
  const add = (span: CollectedSpan, depth: number): void => {
    if (span.name === 'tile' && !isWithin(span.processId, tilesOfPod)) return;
    if (span.name === 'batch' && !isWithin(span.parentSpanId!, batchesOfTile)) return;
    rows.push({ span, depth });
    const children = spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    for (const child of children.sort(
      (a, b) => milliseconds(a.startTimeUnixNano) - milliseconds(b.startTimeUnixNano),
    )) {
      add(child, depth + 1);
    }
  };
  add(
    spans.find(({ parentSpanId }) => parentSpanId === undefined)!,
    0,
  );
  return rows;
}

function milliseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1000n) / 1000;
}

/** Draws rows as a waterfall, SVG. */
function picture(rows: readonly Row[]): string {
  const begin = Math.min(...rows.map(({ span }) => milliseconds(span.startTimeUnixNano)));
  const end = Math.max(...rows.map(({ span }) => milliseconds(span.endTimeUnixNano)));
  const x = (time: number): number => left + ((time - begin) / (end - begin)) * width;
  const processes = [...new Set(rows.map(({ span }) => span.processId))];
  const names = processes.map((_, index) => (index === 0 ? 'command line' : `pod ${index}`));
  const height = top + rows.length * rowHeight + 34;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 90} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="12" y="22" font-size="15" font-weight="bold">One trace of a map: command line, NATS, two pods, their engines</text>`,
  ];
  for (const [index, name] of names.entries()) {
    const place = 12 + index * 120;
    parts.push(
      `<rect x="${place}" y="34" width="12" height="12" fill="${colours[index]}"/><text x="${place + 18}" y="45">${name}</text>`,
    );
  }
  for (let step = 0; step <= 4; step++) {
    const time = begin + ((end - begin) * step) / 4;
    const place = x(time).toFixed(1);
    parts.push(
      `<line x1="${place}" x2="${place}" y1="${top - 6}" y2="${height - 26}" stroke="#ddd"/>`,
      `<text x="${place}" y="${height - 10}" text-anchor="middle" fill="#444">${(time - begin).toFixed(0)} ms</text>`,
    );
  }
  for (const [index, { span, depth }] of rows.entries()) {
    const y = top + index * rowHeight;
    const [from, to] = [milliseconds(span.startTimeUnixNano), milliseconds(span.endTimeUnixNano)];
    const colour = colours[processes.indexOf(span.processId)];
    const name = span.name.replace('hyperswap.v1.', '');
    parts.push(
      `<text x="${12 + depth * 14}" y="${y + 14}">${name}</text>`,
      `<rect x="${x(from).toFixed(1)}" y="${y + 4}" width="${Math.max(1.5, x(to) - x(from)).toFixed(1)}" height="12" rx="2" fill="${colour}"/>`,
      `<text x="${(x(to) + 4).toFixed(1)}" y="${y + 14}" fill="#444" font-size="11">${(to - from).toFixed(1)} ms</text>`,
    );
  }
  return `${parts.join('\n')}\n</svg>\n`;
}
