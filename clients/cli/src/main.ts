import { startExport, withSpan } from '@hyperswap/telemetry';
import { Command, CommanderError } from 'commander';
import { toHyperswapError } from '@hyperswap/errors';
import { addAdapterCommands } from './commands/adapters.js';
import { addBackboneCommands } from './commands/backbone.js';
import { addClassifyCommand } from './commands/classify.js';
import { addCompareCommand } from './commands/compare.js';
import { addDatasetCommands } from './commands/datasets.js';
import { addDemoCommand } from './commands/demo.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addHealthCommand } from './commands/health.js';
import { addJobCommands } from './commands/jobs.js';
import { addKeyCommands } from './commands/keys.js';
import { addMethodCommands } from './commands/methods.js';
import { addPredictCommand } from './commands/predict.js';
import { addPretrainCommand } from './commands/pretrain.js';
import { addPretrainMiniCommand } from './commands/pretrain-mini.js';
import { addSceneCommands } from './commands/scenes.js';
import { addStudyCommand } from './commands/study.js';
import { addTopCommand } from './commands/top.js';
import { addTrainCommand } from './commands/train.js';
import { addUpCommand } from './commands/up.js';
import { hintFor } from './hints.js';

const exitFailed = 1;
const exitUsage = 2;

/** Runs one command line. The exit code is 0 when done, 1 when it failed, 2 for wrong usage. */
export async function run(argv: readonly string[]): Promise<void> {
  const program = new Command('hyperswap')
    .description('Land-cover maps of hyperspectral scenes by adapters on one frozen foundation model.')
    .option(
      '--endpoint <host:port>',
      'where the services are, https:// for TLS, or name=host:port of each; without it the default port, else this process',
    )
    .option('--home <dir>', 'folder of the embedded store and bus (./.hyperswap by default)')
    .option('--backbone <name>', 'backbone to serve and train on')
    .option('--precision <type>', 'what backbones run in: auto, float32, bfloat16, int8')
    .option('--config <file>', 'JSON file of settings')
    .option('--token-file <file>', 'the token to show to services that ask for one')
    .option('--insecure', 'the network is trusted: ask neither for TLS nor for tokens')
    .option('--log-level <level>', 'fatal, error, warn, info, debug, trace, silent')
    .option('--json', 'print JSON for scripts')
    .showHelpAfterError()
    .exitOverride();
  addUpCommand(program);
  addDoctorCommand(program);
  addHealthCommand(program);
  addTopCommand(program);
  addDatasetCommands(program);
  addSceneCommands(program);
  addTrainCommand(program);
  addPretrainCommand(program);
  addMethodCommands(program);
  addAdapterCommands(program);
  addClassifyCommand(program);
  addJobCommands(program);
  addCompareCommand(program);
  addStudyCommand(program);
  addPredictCommand(program);
  addBackboneCommands(program);
  addKeyCommands(program);
  addDemoCommand(program);
  addPretrainMiniCommand(program);
  let stopTelemetry: () => Promise<void> = () => Promise.resolve();
  try {
    const [name] = program.parseOptions(argv.slice(2)).operands;
    // `up` serves: its exporters begin and end with its services, and it is no work of one trace.
    if (name === undefined || name === 'up') await program.parseAsync([...argv]);
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
    else console.error(hint === undefined ? failed.message : `${failed.message}\n${hint}`);
    process.exitCode = exitFailed;
  } finally {
    // A collector that does not answer fails no command.
    await stopTelemetry().catch(() => undefined);
  }
}
