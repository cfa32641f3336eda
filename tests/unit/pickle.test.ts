import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  PickledObject,
  PickleError,
  readPickle,
  type PickleConstructor,
  type PickleOptions,
} from '@hyperswap/checkpoint';
import { peakMemory } from '../support/memory.js';

const options: PickleOptions = {
  constructors: new Map<string, PickleConstructor>([
    ['made.Up', (args) => new PickledObject('made.Up', args)],
    [
      'made.Copy',
      ([list], count) => {
        count((list as unknown[]).length);
        return [...(list as unknown[])];
      },
    ],
  ]),
  isKnown: (path) => path === 'made.Known',
  persistent: (id) => ({ id }),
};

/** Opcodes as text, one byte a character. */
const read = (pickle: string): unknown => readPickle(Buffer.from(pickle, 'latin1'), options);
const refuse = (pickle: string, message: RegExp): void => {
  assert.throws(
    () => read(pickle),
    (error: unknown) => error instanceof PickleError && message.test(error.message),
    pickle.slice(0, 60),
  );
};

test('plain data of protocols 0 to 5 is read as Python reads it', () => {
  // pickle.dumps([1, -2, 300, 70000, 2**40, -2**40, 1.5, True, None, "é", b"\x00"], protocol=4)
  const list =
    '\x80\x04\x95\x33\0\0\0\0\0\0\0]\x94(K\x01J\xfe\xff\xff\xffM\x2c\x01J\x70\x11\x01\0\x8a\x06\0\0\0\0\0\x01' +
    '\x8a\x06\0\0\0\0\0\xffG\x3f\xf8\0\0\0\0\0\0\x88N\x8c\x02\xc3\xa9\x94C\x01\0\x94e.';
  assert.deepEqual(read(list), [1, -2, 300, 70000, 2 ** 40, -(2 ** 40), 1.5, true, null, 'é', Buffer.of(0)]);
  // pickle.dumps({"a": (1, 2), "b": [3], "c": {4}}, protocol=4), frames left out
  const nested =
    '\x80\x04}\x94(\x8c\x01a\x94K\x01K\x02\x86\x94\x8c\x01b\x94]\x94K\x03a\x8c\x01c\x94\x8f\x94(K\x04\x90u.';
  assert.deepEqual(
    read(nested),
    new Map<string, unknown>([
      ['a', [1, 2]],
      ['b', [3]],
      ['c', new Set([4])],
    ]),
  );
  // pickle.dumps([True, 7, 2.5], protocol=0)
  assert.deepEqual(read('(lp0\nI01\naI7\naF2.5\na.'), [true, 7, 2.5]);
});

test('objects are what their names and arguments say, the same one wherever it is recalled', () => {
  const [made, again, known] = read(
    '\x80\x02]q\x00(cmade\nUp\nq\x01K\x05\x85R}\x8c\x01xK\x01sbq\x02h\x02cmade\nKnown\ne.',
  ) as [PickledObject, unknown, { path: string }];
  assert.ok(made instanceof PickledObject);
  assert.deepEqual([made.args, made.state, known.path], [[5], new Map([['x', 1]]), 'made.Known']);
  assert.equal(made, again);
  assert.deepEqual(read('K\x07Q.'), { id: 7 });
});

test('what is not allowed, not there or of no use is refused', () => {
  refuse('cos\nsystem\nK\x01\x85R.', /names os\.system, which is not allowed/);
  refuse('\x8c\x02os\x8c\x06system\x93.', /names os\.system/);
  refuse('cmade\nKnown\n)R.', /calls made\.Known, which is not allowed/);
  refuse('K\x01)R.', /calls what is no class/);
  refuse('K\x01K\x02\x93.', /by no name/);
  refuse('\xff.', /opcode 0xff at byte 0, which is not read/);
  refuse('\x80\x06N.', /protocol 6/);
  refuse('.', /runs empty/);
  refuse('(.', /mark as a value/);
  refuse('((R.', /mark as a value/);
  refuse('K\x01t.', /no mark/);
  refuse('K\x01K\x02a.', /no list/);
  refuse('](K\x01\x90.', /no set/);
  refuse('}(K\x01u.', /no dictionary/);
  refuse('h\x05.', /recalls entry 5/);
  refuse('Npx\n.', /under no number/);
  refuse('X\xff\xff\xff\xffabc.', /ends too early/);
  refuse('\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.', /ends too early/);
  refuse('\x8b\x11\0\0\0' + '\x01'.repeat(17) + '.', /number of 17 bytes/);
});

test('nesting, lines, names, values and memo are bounded', () => {
  assert.doesNotThrow(() => read('('.repeat(1000) + 't'.repeat(1000) + '.'));
  refuse('('.repeat(1001), /nests more than 1000 levels/);
  refuse(`I${'1'.repeat(2000)}\n.`, /line of more than 1024 bytes/);
  refuse(`\x8c\x01mX\xd0\x07\0\0${'n'.repeat(2000)}\x93.`, /name of 2002 characters/);
  refuse('N'.repeat(2_000_001), /more than 2000000 values/);
  refuse('}'.repeat(500_001), /more than 2000000 values/);
  refuse('N' + '2'.repeat(2_000_000), /more than 2000000 values/);
  refuse('N' + '\x94'.repeat(2_000_000), /more than 2000000 values/);
  // A list that is copied again and again.
  const list = `](${'N'.repeat(100_000)}eq\x00`;
  refuse(list + 'cmade\nCopy\nh\x00\x85R0'.repeat(20), /more than 2000000 values/);
});

test('a pickle of 60 MB that makes something of every byte stays in bounded memory', async () => {
  for (const opcode of ['}', '\\x8f', '(']) {
    const { mebibytes, printed } = await peakMemory(`
      import { readPickle } from '@hyperswap/checkpoint';
      const options = { constructors: new Map(), isKnown: () => false, persistent: () => undefined };
      try { readPickle(Buffer.alloc(60e6, '${opcode}', 'latin1'), options); } catch (error) { console.log(error.message); }`);
    assert.match(printed, /more than/, opcode);
    assert.ok(mebibytes < 500, `${opcode}: ${mebibytes} MiB`);
  }
});
