import { failure } from '@hyperswap/errors';
import type { FleetServiceClient } from '@hyperswap/proto';
import { readStream, toDuration } from '@hyperswap/rpc';
import { Option, type Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { keepWatching } from '../keep-watching.js';
import { openSession, type GlobalFlags, type Session } from '../session.js';
import { printResult } from '../terminal.js';
import { FleetHistory } from '../top/fleet-history.js';
import { linesOf, sortings, type Frame, type Sorting } from '../top/screen.js';
import { TerminalScreen } from '../top/terminal-screen.js';

interface TopFlags extends GlobalFlags {
  readonly interval: string;
  readonly once?: boolean;
  readonly sort: Sorting;
}

/** Allowed seconds between two reports. */
const intervals = { shortest: 0.2, longest: 60 } as const;
/** Columns where no terminal says how many. */
const usualColumns = 80;

/** Adds `hyperswap top`: the work, queues and memory of every process of a fleet, live. */
export function addTopCommand(program: Command): void {
  program
    .command('top')
    .description('show what the processes of a fleet do: live on a terminal, else once')
    .option('--interval <seconds>', 'time between two updates, 0.2 to 60', '1')
    .option('--once', 'print one interval, and end')
    .addOption(new Option('--sort <order>', 'order of the processes').choices(sortings).default('load'))
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<TopFlags>();
      const interval = intervalOf(flags.interval);
      const session = await openSession(flags, ['tile-inference']);
      try {
        if (flags.once === true || flags.json === true || !process.stdout.isTTY)
          await showOnce(session, interval, flags);
        else await showLive(session, interval, flags.sort);
      } finally {
        await session.close();
      }
    });
}

/** @throws FIELD_INVALID */
function intervalOf(given: string): number {
  const seconds = Number(given);
  if (seconds >= intervals.shortest && seconds <= intervals.longest) return seconds;
  const reason = `${given} is no number of seconds from ${intervals.shortest} to ${intervals.longest}`;
  throw failure('FIELD_INVALID', { field: '--interval', reason });
}

/** Prints the load of one interval. */
async function showOnce(session: Session, interval: number, { json, sort }: TopFlags): Promise<void> {
  const history = new FleetHistory(interval);
  const controller = new AbortController();
  // Every process reports at once and after each interval; one that is late gets two more.
  const enough = performance.now() + 1000 * (interval + 0.5);
  const timer = setTimeout(() => controller.abort(), 1000 * (3 * interval + 3));
  const signal = AbortSignal.any([session.signal, controller.signal]);
  try {
    for await (const news of watch(session.fleet, interval, signal)) {
      history.add(news);
      if (history.isComplete && performance.now() >= enough) break;
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
  session.signal.throwIfAborted();
  const load = history.load();
  const frame = frameOf(session, load, sort, { columns: usualColumns, rows: undefined });
  const texts = linesOf({ ...frame, isLive: false }).map(({ text }) => text);
  printResult(json, { at: frame.at.toISOString(), endpoint: frame.endpoint, ...load }, texts);
}

/** Shows the load until a key, a signal or an error ends it. A connection that is cut off is opened again. */
async function showLive(session: Session, interval: number, firstSorting: Sorting): Promise<void> {
  const history = new FleetHistory(interval);
  const over = new AbortController();
  let sorting = firstSorting;
  let heardAt = performance.now();
  let failed: unknown;
  const end = (): void => over.abort();
  const draw = (): void => {
    const silent = (performance.now() - heardAt) / 1000;
    const notice = silent > 3 * interval + 2 ? `No answer for ${silent.toFixed(0)} s.` : undefined;
    const frame = frameOf(session, history.load(), sorting, screen.size);
    screen.draw(linesOf({ ...frame, isLive: true, notice }));
  };
  const screen = new TerminalScreen(
    (key) => {
      if (key === 'q') end();
      if (key !== 's') return;
      sorting = sortings[(sortings.indexOf(sorting) + 1) % sortings.length]!;
      draw();
    },
    () => draw(),
  );
  session.signal.addEventListener('abort', end, { once: true });
  const watching = keepWatching(async (heard) => {
    for await (const news of watch(session.fleet, interval, over.signal)) {
      heard();
      heardAt = performance.now();
      history.add(news);
    }
  }, over.signal)
    .catch((error: unknown) => {
      if (!over.signal.aborted) failed = error;
    })
    .finally(end);
  try {
    while (!over.signal.aborted) {
      draw();
      await sleep(1000 * interval, undefined, { signal: over.signal }).catch(() => undefined);
    }
  } finally {
    screen.close();
  }
  await watching;
  if (failed !== undefined) throw failed as Error;
}

function frameOf(
  { endpoint }: Session,
  load: Frame['load'],
  sorting: Sorting,
  size: Pick<Frame, 'columns' | 'rows'>,
): Omit<Frame, 'isLive'> {
  return { endpoint, at: new Date(), load, sorting, ...size };
}

function watch(fleet: FleetServiceClient, interval: number, signal: AbortSignal) {
  return readStream(fleet, fleet.watchFleet({ interval: toDuration(1000 * interval) }), signal);
}
