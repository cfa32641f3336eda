/**
 * Program that reads a file as the command line does, and prints what that cost: `pixels FILE`, or
 * `labels FILE HEIGHT WIDTH`. Its output is JSON of {@link ReadingCost}.
 */
import { setTimeout } from 'node:timers/promises';
import { LabelClasses, openRaster, readLabels } from '@hyperswap/raster';
import { longer, watchPauses, type Pause } from './pause-probe.js';
import { memoryOf } from './process-memory.js';

/** Cost of reading a file. */
export interface ReadingCost {
  /** Values of a raster, or labelled pixels. */
  readonly read: number;
  readonly seconds: number;
  /** Longest pause of the event loop. */
  readonly longestPause: Pause;
  /** Largest resident set of the process in MiB, and what it was before. */
  readonly mebibytes: number;
  readonly mebibytesBefore: number;
}

/** Bytes that are read at once, as the command line does. */
const blockBytes = 1024 * 1024;

/** Reads all values. @returns how many */
async function readPixels(file: string): Promise<number> {
  const raster = await openRaster(file);
  const { height, width, bands, type } = raster.info;
  const rows = Math.max(1, Math.floor(blockBytes / (width * bands * Number(type[1]))));
  let read = 0;
  for (let row = 0; row < height; row += rows) {
    read += (await raster.readWindow({ row, column: 0, height: Math.min(rows, height - row), width })).length;
  }
  await raster.close();
  return read;
}

// Not of `resourceUsage`, which begins with the memory of the process that started this one.
const mebibytes = (): number => memoryOf(process.pid, 'VmHWM') / 1024 ** 2;
const [kind, file, height, width] = process.argv.slice(2) as [string, string, string, string];
const target = { height: Number(height), width: Number(width) };
const mebibytesBefore = mebibytes();
// Memory for starting the process does not count as memory for reading.
await setTimeout(50);
let longestPause: Pause = { computed: 0, elapsed: 0 };
watchPauses((pause) => (longestPause = longer(longestPause, pause)));
const start = performance.now();
const result = await (kind === 'pixels' ? readPixels(file) : readLabels(file, target, new LabelClasses()));
const seconds = (performance.now() - start) / 1000;
await setTimeout(50);
const measured = { seconds, longestPause, mebibytes: mebibytes(), mebibytesBefore };
const read =
  typeof result === 'number' ? result : result.labels.reduce((count, label) => count + Math.min(1, label), 0);
const cost: ReadingCost = { read, ...measured };
process.stdout.write(JSON.stringify(cost));
