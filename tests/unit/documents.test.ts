/** Checks of the documents: their commands and the width of their prose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProgram } from '@hyperswap/cli';
import { commandsOf, documents, proseLines } from '../support/documents.js';

type Command = ReturnType<typeof createProgram>;

/** Makes commands parse and check their arguments, and do nothing. */
function withoutActions(command: Command): Command {
  command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  if (command.commands.length === 0) command.action(() => undefined);
  for (const child of command.commands) withoutActions(child as Command);
  return command;
}

test('every command in the documents is taken by the command line', async () => {
  let count = 0;
  const wrong: string[] = [];
  for (const document of documents()) {
    for (const { place, args } of await commandsOf(document)) {
      count += 1;
      try {
        if (args.length > 0 && !args.includes('--help')) {
          withoutActions(createProgram()).parse([...args], { from: 'user' });
        }
      } catch (error) {
        wrong.push(`${place}: hyperswap ${args.join(' ')}: ${(error as Error).message}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(count > 50, `${count} commands were found`);
});

test('prose in the documents wraps at 120 columns', async () => {
  const long: string[] = [];
  for (const document of documents()) {
    for (const { place, text } of await proseLines(document)) if (text.length > 120) long.push(place);
  }
  assert.deepEqual(long, []);
});
