/** Full-screen view on a terminal: draws frames, reads keys, and leaves the terminal as it was. */
import type { Line } from './screen.js';

const escape = '\u001b[';
const sequences = {
  enter: `${escape}?1049h${escape}?25l`,
  leave: `${escape}?25h${escape}?1049l`,
  home: `${escape}H`,
  clearLine: `${escape}K`,
  clearBelow: `${escape}J`,
  plain: `${escape}0m`,
} as const;
const emphases = { title: `${escape}1m`, bad: `${escape}31m`, faint: `${escape}2m` } as const;
const interrupt = '\u0003';
const usual = { columns: 80, rows: 24 } as const;

/** Screen of a terminal while a command owns it. */
export class TerminalScreen {
  private readonly isColoured = process.env.NO_COLOR === undefined || process.env.NO_COLOR === '';
  private readonly restore = (): void => {
    process.off('exit', this.restore);
    process.stdin.off('data', this.read);
    process.stdout.off('resize', this.onChange);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stdout.write(sequences.leave);
  };
  private readonly read = (keys: Buffer): void => {
    for (const key of keys.toString()) this.onKey(key === interrupt ? 'q' : key);
  };

  /**
   * Takes the terminal: another screen, no cursor, keys at once.
   *
   * @param onKey is called with each key; Ctrl-C is q
   * @param onChange is called when the size changes
   */
  constructor(
    private readonly onKey: (key: string) => void,
    private readonly onChange: () => void,
  ) {
    process.stdout.write(sequences.enter);
    // Restores the terminal at every end of the process.
    process.on('exit', this.restore);
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdin.on('data', this.read).resume();
    process.stdout.on('resize', this.onChange);
  }

  /** Columns and rows. Some terminals do not know theirs, and say 0. */
  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = process.stdout;
    return { columns: columns || usual.columns, rows: rows || usual.rows };
  }

  /** Draws a frame over the one before, which does not flicker. */
  draw(lines: readonly Line[]): void {
    const texts = lines.map(({ text, emphasis }) => {
      const isMarked = emphasis !== undefined && this.isColoured;
      return `${isMarked ? `${emphases[emphasis]}${text}${sequences.plain}` : text}${sequences.clearLine}`;
    });
    process.stdout.write(`${sequences.home}${texts.join('\r\n')}${sequences.clearBelow}`);
  }

  /** Restores the terminal. */
  close(): void {
    this.restore();
  }
}
