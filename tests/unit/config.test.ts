import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { environmentName, loadConfig } from '@hyperswap/config';
import { validateName } from '@hyperswap/errors';
import { parseReference } from '@hyperswap/registry';
import { hasCode } from '../support/errors.js';

test('flags beat the environment, which beats the file, which beats defaults', () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'hyperswap-')), 'config.json');
  writeFileSync(file, JSON.stringify({ port: 1, batchSize: 2, queueLimit: 3 }));
  const environment = { HYPERSWAP_BATCH_SIZE: '20', HYPERSWAP_QUEUE_LIMIT: '30' };
  const config = loadConfig({ file, environment, flags: { queueLimit: 300 } });
  assert.deepEqual(
    [config.port, config.batchSize, config.queueLimit, config.backbone],
    [1, 20, 300, 'spectralgpt-mini'],
  );
});

test('a wrong value stops the start with key, value and what is allowed', () => {
  assert.throws(
    () => loadConfig({ flags: { port: 70000 } }),
    hasCode('CONFIG_INVALID', /port is 70000; allowed: .*65535/),
  );
  assert.throws(() => loadConfig({ flags: { colour: 1 } }), hasCode('CONFIG_INVALID', /colour/));
  assert.equal(environmentName('maximumSceneBytes'), 'HYPERSWAP_MAXIMUM_SCENE_BYTES');
});

test('no name leaves its folder', () => {
  for (const name of ['..', '../x', 'a/b', '/etc', '', 'A', 'a'.repeat(65), 'a..b', '.hidden', 'a\0b']) {
    assert.throws(() => validateName('Scene name', name), hasCode('NAME_INVALID'), JSON.stringify(name));
  }
  assert.equal(validateName('Scene name', 'indian-pines_2.v1'), 'indian-pines_2.v1');
});

test('references name a version, an alias or the newest', () => {
  assert.deepEqual(parseReference('a@7'), { name: 'a', version: 7 });
  assert.deepEqual(parseReference('a:stable'), { name: 'a', alias: 'stable' });
  assert.deepEqual(parseReference('a'), { name: 'a' });
  assert.throws(() => parseReference('a@0'), hasCode('ADAPTER_NOT_FOUND'));
  assert.throws(() => parseReference('a@../b'), hasCode('ADAPTER_NOT_FOUND'));
  assert.throws(() => parseReference('../a'), hasCode('NAME_INVALID'));
});

test('the servers’ settings have the names that other tools use, and a secret is in no message', () => {
  const environment = {
    NATS_URL: 'nats://me:secret@host:1',
    S3_ENDPOINT: 'http://127.0.0.1:9000',
    S3_ACCESS_KEY: 'key',
  };
  const whole = loadConfig({ environment: { ...environment, S3_SECRET_KEY: 'very-secret' } });
  assert.deepEqual(
    [whole.natsUrl, whole.s3Endpoint, whole.s3AccessKey, whole.s3SecretKey, whole.s3Bucket],
    ['nats://me:secret@host:1', 'http://127.0.0.1:9000', 'key', 'very-secret', 'hyperswap'],
  );
  assert.throws(() => loadConfig({ environment }), hasCode('CONFIG_INVALID', /S3_SECRET_KEY are needed/));
  assert.throws(
    () => loadConfig({ environment: { S3_ENDPOINT: 'host' } }),
    hasCode('CONFIG_INVALID', /s3Endpoint is "host"/),
  );
  assert.throws(
    () => loadConfig({ flags: { s3SecretKey: 5 } }),
    (error: Error) => !error.message.includes('5'),
  );
});
