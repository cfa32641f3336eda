import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { extractWheel, fetchWheel, verifyWheel, type PinnedWheel } from '@hyperswap/pypi';
import { compileAddon, tensorflowWheel } from '@hyperswap/tensor';
import { hasCode } from '../support/errors.js';
import { storedZip } from '../support/stored-zip.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const directory = (): Promise<string> => temporaryFolder('engine');

/** Runs with an environment variable set, and restores it. */
async function withEnvironment<Result>(
  name: string,
  value: string | undefined,
  run: () => Promise<Result>,
): Promise<Result> {
  const before = process.env[name];
  setVariable(name, value);
  try {
    return await run();
  } finally {
    setVariable(name, before);
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = value;
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

/** Serves files as a package index does, and runs with pip nowhere and that index. */
async function withIndex(files: ReadonlyMap<string, Buffer>, run: (asked: string[]) => Promise<void>): Promise<void> {
  const asked: string[] = [];
  const server = createServer(({ url }, response) => {
    asked.push(url!);
    const file = files.get(path.posix.basename(url!));
    if (file !== undefined) return response.end(file);
    if (url !== '/simple/tensorly/') return response.writeHead(404).end();
    const links = [...files].map(
      ([name, content]) => `<a class="x" href="../../files/${name}#sha256=${sha256(content)}">${name}</a>`,
    );
    return response.end(`<!DOCTYPE html><html><body>${links.join('<br/>')}</body></html>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const index = `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple/`;
  try {
    await withEnvironment('PYTHON', '/nowhere/python3', () =>
      withEnvironment('PIP_INDEX_URL', index, () => run(asked)),
    );
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
const pinned = (content: Buffer): PinnedWheel => ({
  project: 'tensorly',
  version: '0.10.0',
  pythonVersion: '3.11',
  sha256: sha256(content),
});

test('without Python a wheel comes from the package index, by its digest, and is kept', async () => {
  const [wanted, other] = [Buffer.from('the wheel that is pinned'), Buffer.from('another wheel')];
  const files = new Map([
    ['tensorly-0.10.0-cp310.whl', other],
    ['tensorly-0.10.0-py3-none-any.whl', wanted],
  ]);
  await withIndex(files, async (asked) => {
    const cache = await directory();
    const file = await fetchWheel(pinned(wanted), cache);
    assert.deepEqual(await readFile(file), wanted);
    assert.equal(await fetchWheel(pinned(wanted), cache), file);
    assert.deepEqual(asked, ['/simple/tensorly/', '/files/tensorly-0.10.0-py3-none-any.whl']);
    assert.deepEqual(await readdir(cache), [path.basename(file)]);
  });
});

test('an index without the pinned file, or without an answer, fails with what would help and leaves nothing', async () => {
  const cache = await directory();
  const missing = pinned(Buffer.from('a wheel that was never published'));
  await withIndex(new Map([['tensorly-0.10.0-py3-none-any.whl', Buffer.from('another')]]), () =>
    assert.rejects(fetchWheel(missing, cache), hasCode('DOWNLOAD_FAILED', /no file with the sha-256 .*PIP_INDEX_URL/)),
  );
  await withEnvironment('PYTHON', '/nowhere/python3', () =>
    withEnvironment('PIP_INDEX_URL', 'http://127.0.0.1:1/simple', () =>
      assert.rejects(fetchWheel(missing, cache), hasCode('DOWNLOAD_FAILED', /127\.0\.0\.1:1.*Check the network/)),
    ),
  );
  await withEnvironment('PYTHON', '/nowhere/python3', () =>
    withEnvironment('PIP_INDEX_URL', undefined, () =>
      assert.rejects(fetchWheel(missing, cache), hasCode('DOWNLOAD_FAILED', /no pip.*Set PIP_INDEX_URL/)),
    ),
  );
  await withEnvironment('PIP_NO_INDEX', '1', () =>
    assert.rejects(fetchWheel(missing, cache), hasCode('DOWNLOAD_FAILED', /tensorly 0\.10\.0.*Check the network/)),
  );
  assert.deepEqual(await readdir(cache), []);
});

test('of a wheel only the members that are asked for are unpacked, and none outside the folder', async () => {
  const [folder, target] = [await directory(), await directory()];
  const wheel = path.join(folder, 'some.whl');
  await writeFile(
    wheel,
    storedZip({ 'tensorflow/lib.so': 'library', 'tensorflow/python/a.py': 'no', 'other.txt': 'no' }),
  );
  await extractWheel(wheel, ['tensorflow/lib'], target);
  assert.deepEqual(await readdir(target, { recursive: true }), ['tensorflow', 'tensorflow/lib.so']);
  assert.equal(await readFile(path.join(target, 'tensorflow', 'lib.so'), 'utf8'), 'library');
  await writeFile(wheel, storedZip({ '../outside.txt': 'no' }));
  await assert.rejects(extractWheel(wheel, [''], target), hasCode('FILE_FORMAT', /\.\.\/outside\.txt/));
  await writeFile(wheel, 'no archive');
  await assert.rejects(extractWheel(wheel, [''], target), hasCode('FILE_FORMAT', /some\.whl/));
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
    librariesFromAddon: '.',
  };
  await withEnvironment('CXX', '/nowhere/c++', () =>
    assert.rejects(compileAddon(sources, build), hasCode('ENGINE_SETUP', /\/nowhere\/c\+\+.*apt install g\+\+/)),
  );
});
