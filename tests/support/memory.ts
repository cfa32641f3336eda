/** Measures the memory of a piece of code in a process of its own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { repository } from './fixtures.js';

const run = promisify(execFile);

/**
 * Runs JavaScript in a fresh process.
 *
 * @param code of an ES module; packages of the repository can be imported
 * @param heapMebibytes limit of the heap of JavaScript: code that keeps more ends the process. Without it the peak
 * depends on how late the runtime collects garbage, which differs from version to version.
 * @returns the largest resident set of the process, in MiB, and what it printed
 */
export async function peakMemory(
  code: string,
  heapMebibytes?: number,
): Promise<{ readonly mebibytes: number; readonly printed: string }> {
  const report = `\nprocess.stdout.write('\\n' + process.resourceUsage().maxRSS);`;
  const limit = heapMebibytes === undefined ? [] : [`--max-old-space-size=${heapMebibytes}`];
  const { stdout } = await run(process.execPath, [...limit, '--input-type=module', '--eval', code + report], {
    cwd: repository,
    timeout: 120_000,
  });
  const lines = stdout.split('\n');
  return { mebibytes: Number(lines.at(-1)) / 1024, printed: lines.slice(0, -1).join('\n') };
}
