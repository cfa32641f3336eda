/** Text and tables in so many columns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldLine, layOutTable } from '@hyperswap/cli';

test('a line is folded between words, its rest indented, and no word is cut', () => {
  assert.equal(foldLine('short', 80), 'short');
  assert.equal(foldLine('one two three four', 10), 'one two\n  three\n  four');
  const address = 'https://example.org/a/very/long/address';
  assert.equal(foldLine(`see ${address} now`, 20), `see\n  ${address}\n  now`);
  assert.equal(foldLine('  indented text here', 12), '  indented\n    text\n    here');
});

test('a table is as wide as its cells where there is room', () => {
  assert.deepEqual(layOutTable(['name', 'n'], [['a', '1']], Infinity), ['name  n', 'a     1']);
});

test('a table that is too wide folds its long cells, and keeps every character', () => {
  const rows = [
    ['field@1', 'word '.repeat(20).trim(), '0.114'],
    ['y'.repeat(64), 'short', '1.000'],
  ];
  const lines = layOutTable(['adapter', 'text', 'MB'], rows, 60);
  for (const line of lines) assert.ok(line.length <= 60, line);
  const first = lines.findIndex((line) => line.startsWith('field@1'));
  assert.match(lines[first]!, /^field@1 +word .* 0\.114$/);
  assert.equal((lines.join('\n').match(/y/g) ?? []).length, 64);
  assert.equal((lines.join('\n').match(/word/g) ?? []).length, 20);
});
