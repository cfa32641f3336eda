import { startExport, withSpan } from '@hyperswap/telemetry';
import { CommanderError } from 'commander';
import { toHyperswapError } from '@hyperswap/errors';
import { hintFor } from './hints.js';
import { createProgram } from './program.js';
import { showNextStep } from './start/show-next-step.js';
import { printError } from './terminal.js';

const exitFailed = 1;
const exitUsage = 2;
/** Commands without a trace of their own. */
const untraced = new Set(['up', 'completion', 'complete']);

/** Runs one command line. The exit code is 0 when done, 1 when it failed, 2 for wrong usage. */
export async function run(argv: readonly string[]): Promise<void> {
  const program = createProgram();
  let stopTelemetry: () => Promise<void> = () => Promise.resolve();
  try {
    const { operands, unknown } = program.parseOptions(argv.slice(2));
    const [name] = operands;
    // `up` serves: its exporters begin and end with its services, and it is no work of one trace. Completion must be
    // quick.
    if (name === undefined && unknown.length === 0) await showNextStep(program.opts());
    else if (name === undefined || untraced.has(name)) await program.parseAsync([...argv]);
    else {
      stopTelemetry = await startExport('hyperswap-cli');
      await withSpan(`hyperswap ${name}`, {}, () => program.parseAsync([...argv]));
    }
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : exitUsage;
      return;
    }
    const failed = toHyperswapError(error);
    const json = program.opts<{ json?: boolean }>().json === true;
    const hint = hintFor(failed);
    if (json) console.error(JSON.stringify({ error: failed.code, message: failed.message, hint }));
    else printError(hint === undefined ? failed.message : `${failed.message}\n${hint}`);
    process.exitCode = exitFailed;
  } finally {
    // A collector that does not answer does not fail a command.
    await stopTelemetry().catch(() => undefined);
  }
}
