import { MultiBar, Presets, type SingleBar } from 'cli-progress';

/** Prints a command's result: JSON for scripts, lines for people. */
export function printResult(json: boolean | undefined, value: unknown, lines: readonly string[]): void {
  if (json === true) console.log(JSON.stringify(value, null, 2));
  else for (const line of lines) console.log(line);
}

/** Tells the user something that does not stop the command. Goes to standard error. */
export function warn(text: string): void {
  process.stderr.write(`Warning: ${text}\n`);
}

/** Columns of text, as wide as their widest cell. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  return [header, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/** Progress of long work: bars on a terminal, otherwise a line at each tenth. It goes to standard error, results to standard output. */
export class Progress {
  private readonly bars: MultiBar | undefined;
  private readonly active = new Map<string, SingleBar>();
  private readonly tenths = new Map<string, number>();

  /** @param quiet shows nothing, for parts of something larger that shows its own progress */
  constructor(private readonly quiet = false) {
    if (!quiet && process.stderr.isTTY) {
      const format = ' {stage} {bar} {percentage}% {note}';
      this.bars = new MultiBar(
        { format, clearOnComplete: false, hideCursor: true, stream: process.stderr },
        Presets.rect,
      );
    }
  }

  /** @param note what to say beside the bar */
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

  /** Tells the user something that does not stop the work. */
  warn(text: string): void {
    if (!this.quiet) warn(text);
  }

  stop(): void {
    this.bars?.stop();
  }
}

/** Returns a time as `2026-11-26 10:20:00` in UTC; empty when it is absent. */
export function shortTime(time: Date | undefined): string {
  return time === undefined ? '' : time.toISOString().slice(0, 19).replace('T', ' ');
}
