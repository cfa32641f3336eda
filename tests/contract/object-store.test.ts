import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { DirectoryObjectStore, S3ObjectStore, type ObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { hostileKeys } from '../support/hostile-strings.js';
import { minioClient, serversMissing, startMinio } from '../support/servers.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Every implementation of the object store, with the way to a fresh one. */
const implementations: Record<string, { readonly skip?: string; readonly open: () => Promise<ObjectStore> }> = {
  directory: {
    open: async () => new DirectoryObjectStore(await temporaryFolder('store')),
  },
  minio: {
    skip: serversMissing,
    open: async () => {
      minio ??= await startMinio();
      return S3ObjectStore.open({ ...minio.settings, bucket: `bucket-${randomUUID()}` });
    },
  },
};
let minio: Awaited<ReturnType<typeof startMinio>> | undefined;

after(() => minio?.stop());

for (const [name, { open, skip }] of Object.entries(implementations)) {
  describe(`object store: ${name}`, { skip }, () => {
    test('what is put is got, whole or in part, and replaced by a later put', async () => {
      const store = await open();
      await store.put('a/b', Buffer.from('first'));
      await store.put('a/b', Buffer.from('second'));
      assert.equal((await store.get('a/b')).toString(), 'second');
      assert.equal((await store.getRange('a/b', 1, 3)).toString(), 'eco');
      assert.equal((await store.getRange('a/b', 4, 100)).toString(), 'nd');
    });

    test('a probe succeeds while the store answers', async () => {
      const store = await open();
      await store.probe(2_000);
      await store.put('a', Buffer.from('x'));
      await store.probe(2_000);
    });

    test('an empty object is an object', async () => {
      const store = await open();
      await store.put('empty', Buffer.alloc(0));
      assert.equal((await store.get('empty')).byteLength, 0);
      const file = path.join(await temporaryFolder('file'), 'copy');
      await store.getFile('empty', file);
      assert.equal((await readFile(file)).byteLength, 0);
    });

    test('a conditional put takes a free key once, whoever asks, and leaves what is there', async () => {
      const store = await open();
      const puts = Array.from({ length: 8 }, (_, i) => store.put('once', Buffer.from([i]), { onlyIfAbsent: true }));
      const results = await Promise.allSettled(puts);
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
      const winner = results.findIndex(({ status }) => status === 'fulfilled');
      assert.deepEqual([...(await store.get('once'))], [winner]);
      await assert.rejects(
        store.put('once', Buffer.from('x'), { onlyIfAbsent: true }),
        hasCode('OBJECT_EXISTS', /once/),
      );
    });

    test('what is not there is told apart from an error', async () => {
      const store = await open();
      await assert.rejects(store.get('nothing/here'), hasCode('OBJECT_NOT_FOUND', /nothing\/here/));
      assert.equal(await store.has('nothing/here'), false);
      await store.delete('nothing/here');
      assert.deepEqual(await store.list('nothing/'), []);
    });

    test('a list holds the keys of a prefix with their sizes, in order', async () => {
      const store = await open();
      for (const key of ['s/b/1', 's/a', 't/x', 's/b/0']) await store.put(key, Buffer.from(key));
      assert.deepEqual(await store.list('s/'), [
        { key: 's/a', bytes: 3 },
        { key: 's/b/0', bytes: 5 },
        { key: 's/b/1', bytes: 5 },
      ]);
    });

    test('a file of several parts goes up and comes back as it was; what is missing leaves no file behind', async () => {
      const store = await open();
      const directory = await temporaryFolder('file');
      const [from, to] = [path.join(directory, 'from'), path.join(directory, 'to')];
      const content = randomBytes(70 * 1024 * 1024);
      await writeFile(from, content);
      await store.putFile('files/large', from);
      await store.getFile('files/large', to);
      const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
      assert.equal(digest(await readFile(to)), digest(content));
      await assert.rejects(store.putFile('files/large', from, { onlyIfAbsent: true }), hasCode('OBJECT_EXISTS'));
      await rm(to);
      await assert.rejects(store.getFile('files/none', to), hasCode('OBJECT_NOT_FOUND'));
      await assert.rejects(store.putFile('files/x', path.join(directory, 'none')), hasCode('FILE_UNREADABLE', /none/));
      assert.deepEqual(await readdir(directory), ['from']);
    });

    test('no key and no prefix leaves the store, whatever is done with it', async () => {
      const store = await open();
      const directory = await temporaryFolder('file');
      const file = path.join(directory, 'file');
      await writeFile(file, 'content');
      const parts = Array.from({ length: 40 }, () => 'a'.repeat(20)).join('/');
      for (const [kind, key] of Object.entries({ ...hostileKeys, 'many parts': parts })) {
        const calls: Record<string, () => Promise<unknown>> = {
          put: () => store.put(key, Buffer.from('x')),
          putFile: () => store.putFile(key, file),
          get: () => store.get(key),
          getFile: () => store.getFile(key, path.join(directory, 'copy')),
          getRange: () => store.getRange(key, 0, 1),
          'empty range': () => store.getRange(key, 0, 0),
          has: () => store.has(key),
          delete: () => store.delete(key),
        };
        // A prefix may be empty or end with a slash.
        if (key !== '' && !key.endsWith('a/')) calls.list = () => store.list(key);
        for (const [call, start] of Object.entries(calls)) {
          await assert.rejects(start, hasCode('NAME_INVALID'), `${call} of ${kind}`);
        }
      }
      assert.deepEqual(await store.list(''), []);
      assert.equal((await readFile(file)).toString(), 'content');
      assert.deepEqual(await readdir(directory), ['file']);
    });

    test('keys are as long as the store says they may be', async () => {
      const store = await open();
      const keys = ['a'.repeat(128), Array.from({ length: 4 }, () => 'a'.repeat(127)).join('/')];
      for (const key of keys) await store.put(key, Buffer.from(key));
      assert.deepEqual(
        (await store.list('')).map(({ key }) => key),
        keys.toSorted(),
      );
    });
  });
}

test('directory: a torn or altered file is noticed', async () => {
  const directory = await temporaryFolder('store');
  const store = new DirectoryObjectStore(directory);
  await store.put('a', Buffer.from('content'));
  const file = path.join(directory, 'objects', 'a');
  const whole = await readFile(file);
  for (const damaged of [whole.subarray(0, 10), Buffer.from(whole).fill(0, 2, 3), Buffer.alloc(0)]) {
    await writeFile(file, damaged);
    await assert.rejects(store.get('a'), hasCode('OBJECT_DAMAGED', /checksum/));
    const copy = path.join(directory, 'copy');
    await assert.rejects(store.getFile('a', copy), hasCode('OBJECT_DAMAGED', /checksum/));
  }
  assert.deepEqual((await readdir(directory)).sort(), ['objects', 'staging']);
});

test('directory: a file that somebody else left beside the objects is no object', async () => {
  const directory = await temporaryFolder('store');
  const store = new DirectoryObjectStore(directory);
  await store.put('a/b', Buffer.from('x'));
  await writeFile(path.join(directory, 'objects', 'a', '.DS_Store'), 'x');
  await writeFile(path.join(directory, 'objects', 'Thumbs.db'), 'x');
  assert.deepEqual(await store.list(''), [{ key: 'a/b', bytes: 1 }]);
});

test('directory: nothing is left behind by puts that fail', async () => {
  const directory = await temporaryFolder('store');
  const store = new DirectoryObjectStore(directory);
  await store.put('a', Buffer.from('x'));
  await assert.rejects(store.put('a', Buffer.from('y'), { onlyIfAbsent: true }), hasCode('OBJECT_EXISTS'));
  assert.deepEqual(await readdir(path.join(directory, 'staging')), []);
  await rm(directory, { recursive: true });
});

test('minio: an object that was altered by somebody else is noticed', { skip: serversMissing }, async () => {
  minio ??= await startMinio();
  const { settings } = minio;
  const bucket = `bucket-${randomUUID()}`;
  const store = await S3ObjectStore.open({ ...settings, bucket });
  await store.put('a', Buffer.from('content'));
  const client = minioClient(minio);
  const { metaData } = await client.statObject(bucket, 'a');
  const { sha256 } = metaData as { sha256: string };
  await client.putObject(bucket, 'a', 'altered', 7, { 'x-amz-meta-sha256': sha256 });
  await assert.rejects(store.get('a'), hasCode('OBJECT_DAMAGED', /checksum/));
});

test('minio: wrong keys are told, and a server that is away is waited for', { skip: serversMissing }, async () => {
  minio ??= await startMinio();
  const { settings } = minio;
  await assert.rejects(
    S3ObjectStore.open({ ...settings, secretKey: 'something-else' }),
    hasCode('STORE_REFUSED', /access key/),
  );
  const store = await S3ObjectStore.open(settings);
  await store.put('kept', Buffer.from('content'));
  await minio.kill();
  const [kept, put] = [store.get('kept'), store.put('later', Buffer.from('x'), { onlyIfAbsent: true })];
  await minio.start();
  assert.equal((await kept).toString(), 'content');
  await put;
  assert.equal(await store.has('later'), true);
});
