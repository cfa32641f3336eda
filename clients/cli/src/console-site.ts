/** The web console, as `hyperswap up` serves and opens it. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Returns the folder of the console's files. */
export function consoleSite(): string {
  return path.dirname(fileURLToPath(import.meta.resolve('@hyperswap/console/site/index.html')));
}

/** Opens an address in the user's browser; without one, the printed address remains. */
export function openBrowser(address: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(program, [address], { stdio: 'ignore', detached: true });
  child.once('error', () => {
    process.stderr.write(`No browser could be opened (${program}): open ${address} yourself.\n`);
  });
  child.unref();
}
