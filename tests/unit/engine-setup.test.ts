import assert from 'node:assert/strict';
import { mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fetchWheel, verifyWheel } from '@hyperswap/pypi';
import { compileAddon, tensorflowWheel } from '@hyperswap/tensor';
import { hasCode } from '../support/errors.js';

const directory = (): Promise<string> => mkdtemp(path.join(tmpdir(), 'hyperswap-engine-'));

/** Runs with an environment variable set, and restores it. */
async function withEnvironment<Result>(name: string, value: string, run: () => Promise<Result>): Promise<Result> {
  const before = process.env[name];
  process.env[name] = value;
  try {
    return await run();
  } finally {
    if (before === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = before;
  }
}

test('a platform without TensorFlow is refused with those that have it', () => {
  assert.throws(() => tensorflowWheel('darwin', 'arm64', 'cpu'), hasCode('ENGINE_SETUP', /darwin arm64.*Linux x64/));
  assert.throws(() => tensorflowWheel('linux', 'arm64', 'cuda'), hasCode('ENGINE_SETUP', /cuda/));
  assert.equal(tensorflowWheel('linux', 'x64', 'cuda').project, 'tensorflow');
});

test('a wheel of other content is not used', async () => {
  const file = path.join(await directory(), 'some.whl');
  await writeFile(file, 'not what was pinned');
  await assert.rejects(verifyWheel(file, 'f'.repeat(64)), hasCode('HASH_MISMATCH', /some\.whl.*f{64}/));
  await assert.rejects(verifyWheel(`${file}.missing`, 'f'.repeat(64)), hasCode('FILE_UNREADABLE'));
});

test('without Python, or without an index, a download fails with what would help and leaves nothing', async () => {
  const wheel = { project: 'tensorly', version: '0.10.0', pythonVersion: '3.11', sha256: 'f'.repeat(64) };
  const cache = await directory();
  await withEnvironment('PYTHON', '/nowhere/python3', () =>
    assert.rejects(fetchWheel(wheel, cache), hasCode('DOWNLOAD_FAILED', /\/nowhere\/python3.*Install Python 3/)),
  );
  await withEnvironment('PIP_NO_INDEX', '1', () =>
    assert.rejects(fetchWheel(wheel, cache), hasCode('DOWNLOAD_FAILED', /tensorly 0\.10\.0.*Check the network/)),
  );
  assert.deepEqual(await readdir(cache), []);
});

test('without a C++ compiler the setup says which were looked for', async () => {
  const build = await directory();
  const sources = {
    bindingDirectory: build,
    patchFile: build,
    kernelsDirectory: build,
    nodeApiHeaders: build,
    tensorflowHeaders: build,
    tensorflowLibraries: build,
  };
  await withEnvironment('CXX', '/nowhere/c++', () =>
    assert.rejects(compileAddon(sources, build), hasCode('ENGINE_SETUP', /\/nowhere\/c\+\+.*apt install g\+\+/)),
  );
});
