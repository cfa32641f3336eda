/** Help of all commands: it fits 80 columns, has examples that exist, and calls the same thing by the same name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgram } from '@hyperswap/cli';

type Command = ReturnType<typeof createProgram>;
type Found = readonly [words: string, command: Command];

function all(command: Command, words: readonly string[] = []): Found[] {
  return [
    [words.join(' '), command] as const,
    ...command.commands.flatMap((child) => all(child, [...words, child.name()])),
  ];
}

const commands = all(createProgram()).filter(([words]) => words !== 'complete');

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 80,
  });
  command.outputHelp();
  return text;
}

for (const [words, command] of commands) {
  test(`the help of "hyperswap ${words}" fits 80 columns, and describes all it lists`, () => {
    const help = helpOf(command);
    for (const line of help.split('\n')) assert.ok(line.length <= 80, `${line.length} columns: ${line}`);
    assert.ok(command.description() !== '', 'the command has a description');
    for (const { long, description, hidden } of command.options) {
      assert.ok(hidden || description !== '', `${long} has a description`);
    }
    if (words !== '' && command.commands.length === 0) assert.match(help, /\nExamples:\n {2}hyperswap /);
  });
}

test('each example is a command that exists, with options that it takes and all that it needs', () => {
  const program = createProgram();
  for (const [words, command] of commands) {
    for (const [, example = ''] of helpOf(command).matchAll(/^ {2}(hyperswap( .*)?)$/gm)) {
      const args = example
        .split(' >')[0]!
        .replace(/ {2,}.*/, '')
        .split(' ')
        .slice(1);
      let found: Command = program;
      const given = new Set<string>();
      let operands = 0;
      for (let i = 0; i < args.length; i++) {
        const word = args[i]!;
        if (word.startsWith('-')) {
          const options = [...found.options, ...program.options];
          const option = options.find(({ long }) => long === word);
          assert.ok(option !== undefined || word === '--help', `${words}: ${example}: ${word}`);
          given.add(word);
          if (option?.required) i += 1;
          continue;
        }
        const child = found.commands.find((one) => one.name() === word);
        if (child === undefined) operands += 1;
        else found = child;
      }
      if (given.has('--help')) continue;
      const needed = found.registeredArguments.filter(({ required }) => required).length;
      assert.ok(operands >= needed && operands <= found.registeredArguments.length, `${words}: ${example}`);
      for (const { mandatory, long } of found.options) assert.ok(!mandatory || given.has(long!), `${example}: ${long}`);
    }
  }
});

test('an option of one name takes one kind of value', () => {
  const kinds = new Map<string, Set<string>>();
  for (const [, command] of commands) {
    for (const { long, flags, hidden } of command.options) {
      if (hidden || !long) continue;
      const value = /[<[](.*)[>\]]/.exec(flags)?.[1] ?? '';
      kinds.set(long, (kinds.get(long) ?? new Set()).add(value));
    }
  }
  /**
   * Places to write to, values that a command takes in more forms, and the settings of one command of several methods.
   */
  const meant = new Map([
    ['--out', ['dir', 'file', 'file.png']],
    ['--scene', ['name', 'name or file', 'file[:variable]']],
    ['--adapter', ['name', 'ref']],
    ['--labels', ['[map=]file[:variable] or [map=]:variable', 'file']],
    ['--from', ['backbone', 'dir']],
    ['--set', ['key=value', '[method:]key=value']],
  ]);
  for (const [long, values] of kinds) {
    assert.deepEqual([...values].sort(), [...(meant.get(long) ?? [[...values][0]!])].sort(), long);
  }
});

test('earlier spellings of options and commands still work', () => {
  const program = createProgram();
  const find = (...words: string[]): Command =>
    words.reduce<Command>((command, word) => {
      const child = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      assert.ok(child, words.join(' '));
      return child;
    }, program);
  assert.equal(find('backbone', 'import').parent!.name(), 'backbones');
  for (const [words, option] of [
    [['scenes', 'quicklook'], '--labels'],
    [['scenes', 'spectra'], '--labels'],
    [['compare'], '--labels'],
    [['demo'], '--split'],
  ] as const) {
    assert.ok(
      find(...words).options.some(({ long }) => long === option),
      `${words.join(' ')} ${option}`,
    );
  }
});
