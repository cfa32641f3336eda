/** NATS and S3 with mutual TLS. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { createKeyFiles, issueToken, readPrivateKey } from '@hyperswap/keys';
import { NatsBus } from '@hyperswap/messaging';
import { S3ObjectStore } from '@hyperswap/storage';
import { callUnary } from '@hyperswap/rpc';
import { makeCertificates } from '../support/certificates.js';
import { commandFile } from '../support/command.js';
import { hasCode } from '../support/errors.js';
import { mapOf } from '../support/fleet.js';
import { serversMissing, startMinio, startNats } from '../support/servers.js';
import { connectAll, prepareToy, startServices, train } from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('the main job over mutual TLS to NATS, and TLS to MinIO', { skip: serversMissing }, async () => {
  const { authority, client, serverDirectory } = await makeCertificates();
  const [nats, minio] = await Promise.all([startNats(serverDirectory), startMinio(serverDirectory)]);
  try {
    const { endpoint, accessKey, secretKey, bucket } = minio.settings;
    const services = await startServices(
      {
        natsUrl: nats.url,
        s3Endpoint: endpoint,
        s3AccessKey: accessKey,
        s3SecretKey: secretKey,
        s3Bucket: bucket,
        tlsAuthority: authority.file,
        tlsCertificate: client.certificateFile,
        tlsKey: client.keyFile,
      },
      undefined,
      { trusted: authority.certificate },
    );
    try {
      await prepareToy(services);
      await train(services, { adapter: 'toy', settings: { epochs: '2' } });
      assert.equal((await mapOf(services, 'toy', 0)).byteLength, 2 * 24 * 30);
    } finally {
      await services.stop();
    }
    await assert.rejects(NatsBus.open({ url: nats.url }), hasCode('BUS_UNREACHABLE'));
    await assert.rejects(
      NatsBus.open({ url: nats.url, trusted: authority.certificate }),
      hasCode('BUS_UNREACHABLE'),
      'without a certificate of its own',
    );
  } finally {
    await Promise.all([nats.kill(), minio.kill()]);
  }
});

test('no secret is in what a process writes, at any log level', { skip: serversMissing }, async () => {
  const minio = await startMinio();
  const directory = await temporaryFolder('secrets');
  const files = await createKeyFiles(directory);
  const claims = { subject: 'me', roles: ['operator'], audience: 'hyperswap', hours: 1 };
  const token = await issueToken(readPrivateKey('key', files.privateKey), claims);
  const tokenFile = path.join(directory, 'token');
  await writeFile(tokenFile, token);
  const run = async (secret: string, use: (endpoint: string) => Promise<void>): Promise<string> => {
    const { endpoint, accessKey, bucket } = minio.settings;
    const child = spawn(process.execPath, [commandFile, '--log-level', 'trace', 'up', '--port', '0'], {
      env: {
        ...process.env,
        HYPERSWAP_HOME: directory,
        HYPERSWAP_TOKEN_KEYS: files.publicKeys,
        HYPERSWAP_TOKEN_FILE: tokenFile,
        S3_ENDPOINT: endpoint,
        S3_ACCESS_KEY: accessKey,
        S3_SECRET_KEY: secret,
        S3_BUCKET: bucket,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let written = '';
    child.stderr.on('data', (text: Buffer) => (written += text.toString()));
    const ended = once(child, 'exit');
    let address: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      written += line;
      address = /Serving on (\S+)\./.exec(line)?.[1];
      if (address !== undefined) break;
    }
    if (address !== undefined) await use(address);
    child.kill('SIGTERM');
    await ended;
    return written;
  };
  try {
    const refused = await run('not-the-secret-key', () => assert.fail('it started'));
    assert.match(refused, /SignatureDoesNotMatch/);
    assert.doesNotMatch(refused, /not-the-secret-key/);
    const { secretKey } = minio.settings;
    const served = await run(secretKey, async (endpoint) => {
      for (const access of [{ tokenFile }, { tokenFile: files.publicKeys }, {}]) {
        const { close, adapters, sceneJobs } = connectAll(endpoint, access);
        await callUnary(adapters, 'getAdapter', { adapter: 'nothing' }).catch(() => undefined);
        await mapOf({ sceneJobs }, 'nothing', 0).catch(() => undefined);
        close();
      }
    });
    assert.match(served, /serving/);
    for (const secret of [token, token.split('.')[1]!, secretKey])
      assert.ok(!served.includes(secret), 'a secret was written');
  } finally {
    await minio.kill();
  }
});

test('tls:// insists: a NATS without TLS is refused', { skip: serversMissing }, async () => {
  const nats = await startNats();
  try {
    await assert.rejects(NatsBus.open({ url: nats.url.replace('nats:', 'tls:') }), hasCode('BUS_UNREACHABLE'));
  } finally {
    await nats.kill();
  }
});

test('an S3 that asks for a certificate gets ours', { skip: serversMissing }, async () => {
  const { authority, server, client } = await makeCertificates();
  const minio = await startMinio();
  // MinIO itself never insists on certificates of clients; a gateway before it does.
  const gateway = createServer(
    { key: server.key, cert: server.certificate, ca: authority.certificate, requestCert: true },
    (incoming, outgoing) => {
      const { method, url, headers } = incoming;
      const onward = request({ host: '127.0.0.1', port: minio.port, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(onward);
    },
  ).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  try {
    const endpoint = `https://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
    const settings = { ...minio.settings, endpoint, trusted: authority.certificate };
    const store = await S3ObjectStore.open({ ...settings, identity: client });
    await store.put('a/b', Buffer.from('content'));
    assert.equal((await store.get('a/b')).toString(), 'content');
    await store.close();
  } finally {
    gateway.closeAllConnections();
    gateway.close();
    await minio.kill();
  }
});
