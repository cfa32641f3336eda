import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { foldLine, layOutTable } from './text-layout.js';

/** Prints a command's result: JSON for scripts, lines for people. */
export function printResult(json: boolean | undefined, value: unknown, lines: readonly string[]): void {
  if (json === true) console.log(JSON.stringify(value, null, 2));
  else for (const line of lines) console.log(fold(line, process.stdout));
}

/** Prints a warning on standard error. */
export function warn(text: string): void {
  printError(`Warning: ${text}`);
}

/** Prints a text on standard error, folded where that is a terminal. */
export function printError(text: string): void {
  for (const line of text.split('\n')) process.stderr.write(`${fold(line, process.stderr)}\n`);
}

/** Columns of text, as wide as their widest cell; on a terminal as wide as fits, with long cells on several lines. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return layOutTable(header, rows, process.stdout.isTTY ? process.stdout.columns : Infinity);
}

/** Columns of standard output: those of the terminal, else 80. */
export function outputColumns(): number {
  return process.stdout.isTTY ? process.stdout.columns : 80;
}

/**
 * Returns text in bold where standard output is a terminal that shows it; `NO_COLOR` (no-color.org) switches it off.
 */
export function bold(text: string): string {
  return showsStyles() ? `\u001B[1m${text}\u001B[22m` : text;
}

/** Follows Node's own rule, as the help does: it knows `NO_COLOR`, `TERM=dumb` and the logs of CI systems. */
function showsStyles(): boolean {
  return process.stdout.isTTY && process.stdout.hasColors();
}

/**
 * Progress of long work: bars on a terminal, otherwise a line at each tenth. It goes to standard error, results to
 * standard output.
 */
export class Progress {
  private readonly bars: MultiBar | undefined;
  private readonly active = new Map<string, SingleBar>();
  private readonly tenths = new Map<string, number>();

  /** @param quiet shows nothing, for parts of something larger that shows its own progress */
  constructor(private readonly quiet = false) {
    if (!quiet && process.stderr.isTTY) {
      const format = ' {stage} {bar} {percentage}% {note}';
      this.bars = new MultiBar(
        { format, barsize: barColumns(), clearOnComplete: false, hideCursor: true, stream: process.stderr },
        Presets.rect,
      );
    }
  }

  /** @param note text beside the bar */
  update(stage: string, done: number, total: number, note = ''): void {
    if (this.quiet || total === 0) return;
    if (this.bars !== undefined) {
      const bar = this.active.get(stage) ?? this.bars.create(total, 0, { stage: stage.padEnd(22), note });
      this.active.set(stage, bar);
      bar.setTotal(total);
      bar.update(done, { note });
      return;
    }
    const tenth = Math.floor((10 * done) / total);
    if (this.tenths.get(stage) === tenth) return;
    this.tenths.set(stage, tenth);
    process.stderr.write(`${stage}: ${tenth * 10}% ${note}`.trimEnd() + '\n');
  }

  /** Prints a warning. */
  warn(text: string): void {
    if (!this.quiet) warn(text);
  }

  stop(): void {
    this.bars?.stop();
  }
}

/** Columns of a bar that leave room for the stage and its note. */
function barColumns(): number {
  return Math.max(8, Math.min(40, process.stderr.columns - 60));
}

/** Returns a time as `2026-11-26 10:20:00` in UTC; empty when it is absent. */
export function shortTime(time: Date | undefined): string {
  return time === undefined ? '' : time.toISOString().slice(0, 19).replace('T', ' ');
}

/** Folds a line between words where a stream is a terminal; elsewhere lines stay whole for programs. */
function fold(line: string, stream: NodeJS.WriteStream): string {
  return stream.isTTY ? foldLine(line, stream.columns) : line;
}
