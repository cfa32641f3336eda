/** Candidates of shell completion. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complete, createProgram, type NameKind } from '@hyperswap/cli';

const known: Readonly<Record<NameKind, readonly string[]>> = {
  scenes: ['field', 'fjord', 'pines'],
  adapters: ['field', 'field@1', 'field:stable'],
  backbones: ['spectralgpt-mini'],
  methods: ['krona', 'krona+', 'lora'],
  presets: ['indian-pines'],
  jobs: ['5f0c2d1e'],
};

async function candidates(line: string): Promise<{ values: string[]; paths: string; flags: unknown }> {
  let flags: unknown;
  const found = await complete(createProgram(), line.split(' '), (kind, given) => {
    flags = given;
    return Promise.resolve(known[kind]);
  });
  return { values: found.candidates.map(({ value }) => value), paths: found.paths, flags };
}

for (const [line, values] of [
  ['sc', ['scenes']],
  ['scenes s', ['show', 'spectra']],
  ['scenes show f', ['field', 'fjord']],
  ['scenes show field ', ['--histogram']],
  ['backbone s', ['show']],
  ['train --scene fi', ['field']],
  ['train --scene=fi', ['--scene=field']],
  ['train --method kro', ['krona', 'krona+']],
  ['train --ad', ['--adapter']],
  ['train --adapter field --ad', []],
  ['classify --adapter field:', ['field:stable']],
  ['classify --mode ', ['exact', 'adaptive']],
  ['--precision int', ['int8']],
  ['--json scenes li', ['list']],
  ['completion ', ['bash', 'zsh', 'fish']],
  ['compare field@1 field:', ['field:stable']],
  ['jobs map 5', ['5f0c2d1e']],
  ['nothing of the kind ', []],
] as const) {
  test(`"hyperswap ${line}" is completed`, async () => {
    const found = await candidates(line);
    if (line.endsWith('field ')) assert.ok(found.values.includes('--histogram') && found.values.includes('--endpoint'));
    else assert.deepEqual(found.values, values);
  });
}

test('files and folders are left to the shell', async () => {
  assert.equal((await candidates('scenes prepare ')).paths, 'files');
  assert.equal((await candidates('classify --scene ')).paths, 'files');
  assert.equal((await candidates('classify --out ')).paths, 'folders');
  assert.equal((await candidates('init ')).paths, 'folders');
  assert.equal((await candidates('train --seed ')).paths, 'none');
});

test('general options that were typed lead to the services that know the names', async () => {
  const { flags } = await candidates('--endpoint host:1 --home=h scenes show ');
  assert.deepEqual(flags, { endpoint: 'host:1', home: 'h' });
});

test('an earlier spelling and a hidden command are not offered', async () => {
  assert.ok(!(await candidates('compare --')).values.includes('--labels'));
  assert.ok(!(await candidates('comp')).values.includes('complete'));
});
