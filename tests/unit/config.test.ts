import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import {
  endpointOf,
  environmentName,
  loadConfig,
  readTransportSecurity,
  requireGuardedServer,
  requireGuardedServers,
  requireGuardedToken,
} from '@hyperswap/config';
import { parseReference } from '@hyperswap/registry';
import { makeCertificates } from '../support/certificates.js';
import { hasCode } from '../support/errors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('the endpoint names one address for all services, or one for each', () => {
  assert.equal(endpointOf('https://maps.example.org:7420', 'trainer'), 'https://maps.example.org:7420');
  const each = 'preprocessing=a:7420, trainer=https://b:7420,tile-inference=ipv6:[::1]:7420';
  assert.equal(endpointOf(each, 'preprocessing'), 'a:7420');
  assert.equal(endpointOf(each, 'trainer'), 'https://b:7420');
  assert.equal(endpointOf(each, 'tile-inference'), 'ipv6:[::1]:7420');
  assert.throws(
    () => endpointOf('trainer=b:7420', 'preprocessing'),
    hasCode('CONFIG_INVALID', /preprocessing=host:port/),
  );
  assert.throws(() => endpointOf('trainers=b:7420', 'trainer'), hasCode('CONFIG_INVALID', /trainers=b:7420/));
});

test('flags beat the environment, which beats the file, which beats defaults', async () => {
  const file = path.join(await temporaryFolder('config'), 'config.json');
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
    hasCode('CONFIG_INVALID', /port is 70000\. Allowed: .*65535/),
  );
  assert.throws(() => loadConfig({ flags: { colour: 1 } }), hasCode('CONFIG_INVALID', /colour/));
  assert.equal(environmentName('maximumSceneBytes'), 'HYPERSWAP_MAXIMUM_SCENE_BYTES');
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

test('beyond this machine, TLS and a question who calls are needed, unless the network is trusted', () => {
  const guard = (flags: Record<string, unknown>) => (): void => {
    requireGuardedServer(loadConfig({ flags }));
  };
  for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]']) guard({ host })();
  const identity = { host: '0.0.0.0', tlsCertificate: 'c', tlsKey: 'k' };
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'pod.example.org']) {
    assert.throws(guard({ host }), hasCode('CONFIG_INSECURE', /HYPERSWAP_TLS_CERTIFICATE/), host);
  }
  assert.throws(guard(identity), hasCode('CONFIG_INSECURE', /HYPERSWAP_TOKEN_KEYS/));
  guard({ ...identity, tokenKeys: 'keys.json' })();
  guard({ ...identity, tlsAuthority: 'a', tlsClients: 'verified' })();
  guard({ host: '0.0.0.0', insecure: true })();
  assert.equal(loadConfig({ environment: { HYPERSWAP_INSECURE: 'true' } }).insecure, true);
});

test('NATS, S3 and tokens do not go over a network in the clear', () => {
  const s3 = { s3AccessKey: 'a', s3SecretKey: 'b' };
  const check = (flags: Record<string, unknown>) => (): void => {
    requireGuardedServers(loadConfig({ flags }));
  };
  check({ natsUrl: 'nats://127.0.0.1:4222', s3Endpoint: 'http://localhost:9000', ...s3 })();
  check({ natsUrl: 'tls://a:1,tls://b:1', s3Endpoint: 'https://s3.example.org', ...s3 })();
  assert.throws(check({ natsUrl: 'tls://a:1,nats://me:secret@b:1' }), (error: unknown) => {
    assert.doesNotMatch((error as Error).message, /secret/);
    return hasCode('CONFIG_INSECURE', /use tls:\/\/b:1/)(error);
  });
  assert.throws(check({ s3Endpoint: 'http://minio:9000', ...s3 }), hasCode('CONFIG_INSECURE', /https:\/\/minio:9000/));
  check({ natsUrl: 'nats://b:1', insecure: 'true' })();

  const show =
    (endpoint: string, flags: Record<string, unknown> = {}) =>
    (): void => {
      requireGuardedToken(loadConfig({ flags: { tokenFile: 't', ...flags } }), endpoint);
    };
  for (const endpoint of ['127.0.0.1:7420', 'https://pod:7420']) show(endpoint)();
  show('pod:7420', { tlsAuthority: 'a' })();
  assert.throws(show('pod:7420'), hasCode('CONFIG_INSECURE', /https:\/\/pod:7420/));
});

test('settings of TLS that cannot work stop the start, naming the file', async () => {
  const { server, stranger, authority } = await makeCertificates();
  const read = (flags: Record<string, unknown>) => (): unknown => readTransportSecurity(loadConfig({ flags }));
  const { certificateFile: tlsCertificate, keyFile: tlsKey } = server;
  const whole = readTransportSecurity(loadConfig({ flags: { tlsCertificate, tlsKey, tlsAuthority: authority.file } }));
  assert.equal(whole.identity?.certificate, server.certificate);
  assert.throws(read({ tlsCertificate }), hasCode('CONFIG_INVALID', /needed together/));
  assert.throws(read({ tlsClients: 'verified' }), hasCode('CONFIG_INVALID', /HYPERSWAP_TLS_AUTHORITY/));
  assert.throws(
    read({ tlsCertificate, tlsKey: stranger.keyFile }),
    hasCode('CONFIG_INVALID', /tlsKey is .*private.key\. Allowed: the key of .*public.crt/),
  );
  assert.throws(read({ tlsCertificate: tlsKey, tlsKey }), hasCode('CONFIG_INVALID', /tlsCertificate is .*in PEM/));
  assert.throws(read({ tlsAuthority: '/nowhere' }), hasCode('CONFIG_INVALID', /tlsAuthority is \/nowhere.*ENOENT/));
});
