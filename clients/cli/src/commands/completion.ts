import { Argument, type Command } from 'commander';
import { complete } from '../completion/complete.js';
import { knownNames } from '../completion/names.js';
import { completionScripts } from '../completion/shells.js';

/** Adds `completion`, which prints the script of a shell, and the hidden command that the scripts call. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(completionScripts)))
    .action((shell: keyof typeof completionScripts) => {
      process.stdout.write(completionScripts[shell]);
    });

  program
    .command('complete', { hidden: true })
    .description('print what the last word of a command line can become')
    .argument('[words...]')
    .action(async (words: string[]) => {
      const { candidates, paths } = await complete(program, words, knownNames);
      for (const { value, note } of candidates) {
        process.stdout.write(note === '' ? `${value}\n` : `${value}\t${note}\n`);
      }
      process.stdout.write(`:paths=${paths}\n`);
    });
}
