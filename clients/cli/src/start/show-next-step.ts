import { toHyperswapError } from '@hyperswap/errors';
import { hintFor } from '../hints.js';
import type { GlobalFlags } from '../session.js';
import { bold, outputColumns, printResult } from '../terminal.js';
import { foldLine } from '../text-layout.js';
import { version } from '../version.js';
import { nextSteps, type Advice, type Step } from './next-steps.js';
import { findPresent } from './present.js';
import { sceneFiles } from './scene-files.js';

/**
 * Prints the existing scenes and adapters and the next sensible step, for `hyperswap` without a command. It starts
 * nothing.
 */
export async function showNextStep(flags: GlobalFlags): Promise<void> {
  const advice = await advise(flags);
  const longest = Math.max(...advice.steps.map(({ command }) => command.length));
  // A reason stands beside its command where all of them fit.
  const columns = outputColumns();
  const isNarrow = longest + 4 + Math.max(...advice.steps.map(({ why }) => why.length)) > columns;
  const lines = ({ command, why }: Step): string[] =>
    isNarrow
      ? [`  ${bold(command)}`, `      ${why}`]
      : [`  ${bold(command)}${' '.repeat(longest - command.length + 2)}${why}`];
  printResult(flags.json, { version, ...advice }, [
    `hyperswap ${version}: land-cover maps of hyperspectral scenes`,
    '',
    foldLine(advice.state, columns, 0),
    '',
    'Next:',
    ...advice.steps.flatMap(lines),
    '',
    '"hyperswap --help" lists all commands.',
  ]);
}

async function advise(flags: GlobalFlags): Promise<Advice> {
  const files = await sceneFiles('.').catch(() => []);
  try {
    return nextSteps(await findPresent(flags), files);
  } catch (error) {
    const failed = toHyperswapError(error);
    const steps = [{ command: 'hyperswap doctor', why: 'checks the environment' }];
    return { state: [failed.message, hintFor(failed)].filter((part) => part !== undefined).join(' '), steps };
  }
}
