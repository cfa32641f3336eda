import type { Command, Option } from 'commander';
import { bold } from '../terminal.js';

/** Columns of the help at most: longer lines are hard to read. */
const widest = 100;
/** Columns where terms end; the text of a longer term begins on the next line. */
const termColumns = 26;
const usualColumns = 80;

/**
 * Lays out the help of a command and of those that are added to it later: it fits into the columns of the terminal, 80
 * where there is none.
 */
export function layOutHelp(program: Command): void {
  program.configureOutput({
    getOutHelpWidth: () => columnsOf(process.stdout),
    getErrHelpWidth: () => columnsOf(process.stderr),
  });
  program.configureHelp({
    styleTitle: bold,
    minWidthToWrap: 20,
    padWidth: (command, helper) =>
      Math.min(
        termColumns,
        Math.max(
          helper.longestOptionTermLength(command, helper),
          helper.longestSubcommandTermLength(command, helper),
          helper.longestArgumentTermLength(command, helper),
        ),
      ),
    optionDescription: describeOption,
    subcommandTerm: (command) => {
      const given = command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`));
      return [command.name(), ...given].join(' ');
    },
    formatItem: (term, termWidth, description, helper) => {
      const indent = ' '.repeat(termWidth + 4);
      const text = helper.boxWrap(description, (helper.helpWidth ?? usualColumns) - indent.length);
      const lines = text.replaceAll('\n', `\n${indent}`);
      const width = helper.displayWidth(term);
      if (description === '') return `  ${term}`;
      if (width > termWidth) return `  ${term}\n${indent}${lines}`;
      return `  ${term}${' '.repeat(termWidth - width + 2)}${lines}`;
    },
  });
}

function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? Math.min(stream.columns, widest) : usualColumns;
}

/** Returns the text of an option with its choices and its default, which are lists that can be wrapped. */
function describeOption({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const isGiven = defaultValue !== undefined && defaultValue !== '' && typeof defaultValue !== 'boolean';
  const isList = Array.isArray(defaultValue);
  const notes = [
    ...(argChoices === undefined ? [] : [`one of ${argChoices.join(', ')}`]),
    ...(isGiven && !isList
      ? [`default: ${defaultValueDescription ?? String(defaultValue).replaceAll(/,(?=\S)/g, ', ')}`]
      : []),
  ];
  const text = [description, ...(notes.length > 0 ? [`(${notes.join('; ')})`] : [])].filter((part) => part !== '');
  return text.join(' ');
}
