import { Command } from 'commander';
import { addAdapterCommands } from './commands/adapters.js';
import { addBackboneCommands } from './commands/backbone.js';
import { addClassifyCommand } from './commands/classify.js';
import { addCompareCommand } from './commands/compare.js';
import { addCompletionCommand } from './commands/completion.js';
import { addDatasetCommands } from './commands/datasets.js';
import { addDemoCommand } from './commands/demo.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addHealthCommand } from './commands/health.js';
import { addInitCommand } from './commands/init.js';
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
import { addExamples } from './help/examples.js';
import { layOutHelp } from './help/layout.js';
import { version } from './version.js';

const helpText = 'show the help of a command';

/** Commands by the job that they do, in the order of the help. */
const groups: readonly (readonly [title: string, ...add: ((program: Command) => void)[]])[] = [
  ['First steps:', addInitCommand, addDemoCommand, addDoctorCommand],
  ['From a scene to its map:', addSceneCommands, addTrainCommand, addClassifyCommand, addJobCommands],
  ['Adapters and methods:', addAdapterCommands, addMethodCommands, addCompareCommand, addStudyCommand],
  ['Backbones:', addBackboneCommands, addPredictCommand, addPretrainCommand, addPretrainMiniCommand],
  ['Run and watch services:', addUpCommand, addTopCommand, addHealthCommand, addKeyCommands],
  ['Tools:', addDatasetCommands, addCompletionCommand],
];

/** Returns the command line with all its commands. */
export function createProgram(): Command {
  const program = new Command('hyperswap')
    .description('Land-cover maps of hyperspectral scenes by adapters on one frozen foundation model.')
    .usage('[options] <command>')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', helpText)
    .option(
      '--endpoint <host:port>',
      'address of the services, https:// for TLS, or name=host:port of each; by default those on port 7420, else the command starts its own',
    )
    .option('--home <dir>', 'folder of the embedded store and bus; ./.hyperswap by default')
    .option('--backbone <name>', 'backbone to serve and train on')
    .option('--precision <type>', 'number format of backbones: auto, float32, bfloat16, int8')
    .option('--config <file>', 'JSON file of settings')
    .option('--token-file <file>', 'file with the token, for services that require one')
    .option('--insecure', 'trust the network: require neither TLS nor tokens')
    .option('--log-level <level>', 'fatal, error, warn, info, debug, trace, silent')
    .option('--json', 'print JSON for scripts')
    .showHelpAfterError('"hyperswap --help" lists the commands; --help after a command shows its options.')
    .exitOverride();
  layOutHelp(program);
  for (const [title, ...adders] of groups) {
    const before = program.commands.length;
    for (const add of adders) add(program);
    for (const command of program.commands.slice(before)) {
      command.helpGroup(title);
      if (command.commands.length > 0) command.helpCommand('help [command]', helpText);
    }
  }
  program.addHelpCommand(new Command('help').argument('[command]').description(helpText).helpGroup('Tools:'));
  addExamples(program);
  program.addHelpText(
    'after',
    '\nExamples:\n  hyperswap                    show the next step\n  hyperswap init               make a first map of your own scene\n  hyperswap train --help       show options and examples of a command',
  );
  return program;
}
