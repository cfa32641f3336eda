/** Adapters that only count when a trusted key signed them. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { blobDigest } from '@hyperswap/adapter';
import { adapterStatement, createKeyFiles, readPrivateKey, signStatement, type NamedKey } from '@hyperswap/keys';
import { EmbeddedBus } from '@hyperswap/messaging';
import { AdapterRegistry, Backbones } from '@hyperswap/registry';
import { AdapterOrigin } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { DirectoryObjectStore } from '@hyperswap/storage';
import { hasCode } from '../support/errors.js';
import { mapOf } from '../support/fleet.js';
import { exportBlob, prepareToy, registerBlob, startServices, train, type Services } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

describe('services that trust one key', () => {
  let services: Services;
  let key: NamedKey;
  let stranger: NamedKey;
  let blob: Buffer;

  before(async () => {
    const directory = await temporaryFolder('keys');
    const files = await createKeyFiles(directory);
    key = readPrivateKey('key', files.privateKey);
    stranger = readPrivateKey('key', (await createKeyFiles(path.join(directory, 'other'))).privateKey);
    services = await startServices({ signingKey: files.privateKey, trustedKeys: files.publicKeys });
    await prepareToy(services);
    await train(services, { adapter: 'toy', settings: { epochs: '2' } });
    blob = await exportBlob(services, 'toy');
  });

  after(() => services.stop());

  test('what the trainer makes is signed, and says where it came from', async () => {
    await train(services, { adapter: 'toy', seed: 2, settings: { epochs: '2' } });
    const { adapter } = await callUnary(services.adapters, 'getAdapter', { adapter: 'toy@2' });
    assert.equal(adapter?.signedBy, key.id);
    assert.deepEqual([adapter.origin, adapter.supersedes], [AdapterOrigin.ADAPTER_ORIGIN_TRAINING, 'toy@1']);
    assert.ok(Math.abs(adapter.publishedAt!.getTime() - Date.now()) < 600_000);
    assert.equal((await mapOf(services, 'toy@2', 0)).byteLength, 2 * 24 * 30);
  });

  test('an upload needs a signature of that key, of that name and of that blob', async () => {
    const of = async (signer: NamedKey, name: string, content = blob) =>
      signStatement(signer, adapterStatement(name, await blobDigest(content)));
    const other = await exportBlob(services, 'toy@2');
    const refused = [
      [undefined, /not signed/],
      [await of(stranger, 'given'), /not trusted/],
      [await of(key, 'another'), /of something else/],
      [await of(key, 'given', other), /of something else/],
    ] as const;
    for (const [signature, reason] of refused) {
      await assert.rejects(
        registerBlob(services, 'given', blob, 'given.safetensors', signature),
        hasCode('SIGNATURE_INVALID', reason),
      );
    }
    await assert.rejects(mapOf(services, 'given', 0), hasCode('ADAPTER_NOT_FOUND'));
    const version = await registerBlob(services, 'given', blob, 'given.safetensors', await of(key, 'given'));
    assert.deepEqual([version.origin, version.signedBy], [AdapterOrigin.ADAPTER_ORIGIN_UPLOAD, key.id]);
    assert.equal((await mapOf(services, 'given', 0)).byteLength, 2 * 24 * 30);
  });

  test('a version that somebody put into store and state without the key is not served, and others are', async () => {
    const { home } = services;
    const bus = await EmbeddedBus.open({ directory: path.join(home, 'bus'), work: 'private' });
    const store = new DirectoryObjectStore(path.join(home, 'store'));
    const intruder = new AdapterRegistry(store, bus, new Backbones(store));
    await train(services, { adapter: 'source', seed: 3, settings: { epochs: '2' } });
    const { version } = await intruder.publish('toy', 'f', await exportBlob(services, 'source'), {
      origin: 'training',
    });
    await bus.close();
    await assert.rejects(mapOf(services, `toy@${version}`, 0), hasCode('SIGNATURE_INVALID', /not signed/));
    await assert.rejects(
      callUnary(services.adapters, 'setAlias', { adapter: `toy@${version}`, alias: 'stable' }),
      hasCode('SIGNATURE_INVALID'),
    );
    assert.equal((await mapOf(services, 'toy@1', 0)).byteLength, 2 * 24 * 30);
  });
});
