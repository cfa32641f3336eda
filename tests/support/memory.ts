/** Measures the memory of a piece of code in a process of its own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { repository } from './fixtures.js';

const run = promisify(execFile);

/**
 * Runs JavaScript in a fresh process.
 *
 * @param code of an ES module; packages of the repository can be imported
 * @returns the largest resident set of the process, in MiB, and what it printed
 */
export async function peakMemory(code: string): Promise<{ readonly mebibytes: number; readonly printed: string }> {
  const report = `\nprocess.stdout.write('\\n' + process.resourceUsage().maxRSS);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', code + report], {
    cwd: repository,
    timeout: 120_000,
  });
  const lines = stdout.split('\n');
  return { mebibytes: Number(lines.at(-1)) / 1024, printed: lines.slice(0, -1).join('\n') };
}
