import { createProgram } from '@hyperswap/cli';

type Command = ReturnType<typeof createProgram>;

/** Columns of the help texts. */
const columns = 100;

/** Returns the page of all commands with their help, as a terminal of 100 columns shows it. */
export function cliReference(): string {
  const program = createProgram();
  const sections = [...listed(program)].map(([words, command]) => {
    const level = '#'.repeat(Math.min(words.length + 1, 4));
    return `${level} ${words.join(' ')}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`;
  });
  return [
    '# Commands\n',
    'Generated from the command line by `make reference`. `hyperswap COMMAND --help` shows the same. Exit codes: 0 done, 1 failed, 2 wrong usage.\n',
    ...sections,
  ].join('\n');
}

/** Lists a command and those below it, without hidden ones and those that only show help. */
function* listed(command: Command, words: readonly string[] = []): Generator<[readonly string[], Command]> {
  const names = [...words, command.name()];
  yield [names, command];
  for (const child of command.createHelp().visibleCommands(command)) {
    if (child.name() !== 'help') yield* listed(child as Command, names);
  }
}

/** Returns the whole help of a command, with its examples. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => columns,
  });
  command.outputHelp();
  return text.trim();
}
