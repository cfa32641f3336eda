/** Access: TLS, tokens and their roles, on all three services in one process. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createKeyFiles, issueToken, readPrivateKey, type NamedKey, type TokenClaims } from '@hyperswap/keys';
import { JobKind } from '@hyperswap/proto';
import { callUnary, type ClientAccess, type Role } from '@hyperswap/rpc';
import { makeCertificates, type Certificates } from '../support/certificates.js';
import { hasCode } from '../support/errors.js';
import { healthOf, SERVING } from '../support/health.js';
import {
  connectAll,
  prepareToy,
  startServices,
  train,
  type ServiceClients,
  type Services,
} from '../support/services.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const claims: TokenClaims = { subject: 'me', roles: ['reader'], audience: 'hyperswap', hours: 1 };
const everything = { pageSize: 0, pageToken: '' };
const firstTraining = { method: 'linear-probe', adapter: 'toy', settings: { epochs: '2' } };

describe('services that ask for TLS and a token', () => {
  let certificates: Certificates;
  let services: Services;
  let key: NamedKey;
  let directory: string;
  let tokenKeys: string;
  const opened: { readonly close: () => void }[] = [];

  const tokenFile = async (token: string): Promise<string> => {
    const file = path.join(directory, `${crypto.randomUUID()}.token`);
    await writeFile(file, `${token}\n`, { mode: 0o600 });
    return file;
  };
  const open = (access: ClientAccess, endpoint = services.host.server.endpoint): ServiceClients => {
    const clients = connectAll(endpoint, access);
    opened.push(clients);
    return clients;
  };
  const withToken = async (token: string): Promise<ServiceClients> =>
    open({ trusted: certificates.authority.certificate, tokenFile: await tokenFile(token) });
  const as = async (role: Role): Promise<ServiceClients> =>
    withToken(await issueToken(key, { ...claims, roles: [role] }));

  before(async () => {
    certificates = await makeCertificates();
    directory = await temporaryFolder('keys');
    const files = await createKeyFiles(directory);
    key = readPrivateKey('key', files.privateKey);
    tokenKeys = files.publicKeys;
    services = await startServices({
      tlsAuthority: certificates.authority.file,
      tlsCertificate: certificates.server.certificateFile,
      tlsKey: certificates.server.keyFile,
      tokenKeys,
      // Token with which the trainer gets scenes from its own process.
      tokenFile: await tokenFile(await issueToken(key, claims)),
    });
  });

  after(async () => {
    for (const clients of opened) clients.close();
    await services.stop();
  });

  test('a reader looks, a trainer trains, an operator changes what others use; nobody does more', async () => {
    const [reader, trainer, operator] = [await as('reader'), await as('trainer'), await as('operator')];
    await assert.rejects(
      prepareToy(reader),
      hasCode('ROLE_MISSING', /PrepareScene needs the role trainer.*has reader/),
    );
    await prepareToy(trainer);
    await assert.rejects(train(reader, firstTraining), hasCode('ROLE_MISSING', /StartTraining/));
    await train(trainer, firstTraining);
    const { adapters } = await callUnary(reader.adapters, 'listAdapters', everything);
    assert.equal(adapters.length, 1);
    const alias = { adapter: 'toy@1', alias: 'stable' };
    await assert.rejects(
      callUnary(trainer.adapters, 'setAlias', alias),
      hasCode('ROLE_MISSING', /needs the role operator/),
    );
    await callUnary(operator.adapters, 'setAlias', alias);
    // The same rights hold for clients of the Open Inference Protocol.
    const load = { repositoryName: '', modelName: 'toy', parameters: {} };
    assert.equal((await callUnary(reader.inference, 'modelReady', { name: 'toy', version: '' })).ready, true);
    await assert.rejects(callUnary(trainer.inference, 'repositoryModelLoad', load), hasCode('ROLE_MISSING'));
    await callUnary(operator.inference, 'repositoryModelLoad', load);
    await assert.rejects(
      callUnary(trainer.scenes, 'deleteScene', { name: 'toy' }),
      hasCode('ROLE_MISSING', /DeleteScene/),
    );
    const letters = { kind: JobKind.JOB_KIND_UNSPECIFIED, ...everything };
    await assert.rejects(
      callUnary(trainer.jobs, 'listDeadLetters', letters),
      hasCode('ROLE_MISSING', /ListDeadLetters needs the role operator/),
    );
    assert.deepEqual((await callUnary(operator.jobs, 'listDeadLetters', letters)).deadLetters, []);
  });

  test('calls without a token, or with one that cannot be trusted, are refused with the reason', async () => {
    const { close, ...without } = connectAll(services.host.server.endpoint, {
      trusted: certificates.authority.certificate,
    });
    await assert.rejects(callUnary(without.adapters, 'listAdapters', everything), hasCode('TOKEN_MISSING', /Bearer/));
    close();
    const other = readPrivateKey('key', (await createKeyFiles(path.join(directory, 'other'))).privateKey);
    const good = await issueToken(key, claims);
    const [header = '', payload = '', signature = ''] = good.split('.');
    const raised = Buffer.from(JSON.stringify({ ...JSON.parse(atob(payload)), roles: ['operator'] })).toString(
      'base64url',
    );
    // The public key as a shared secret, and no signature at all: attacks that careless libraries accept.
    const symmetric = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${payload}`;
    const forged = createHmac('sha256', await readFile(tokenKeys))
      .update(symmetric)
      .digest('base64url');
    const refused: readonly (readonly [token: string, reason: RegExp])[] = [
      ['nonsense', /no JSON Web Token/],
      [await issueToken(key, { ...claims, hours: -1 }), /expired/],
      [await issueToken(key, { ...claims, audience: 'another' }), /"aud"/],
      [await issueToken(other, claims), /no key that is trusted/],
      [`${header}.${raised}.${signature}`, /signature is wrong/],
      [`${symmetric}.${forged}`, /algorithm/],
      [`${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`, /algorithm|no JSON Web Token/],
    ];
    for (const [token, reason] of refused) {
      const { adapters } = await withToken(token);
      await assert.rejects(callUnary(adapters, 'listAdapters', everything), (error: unknown) => {
        assert.ok(!(error as Error).message.includes(token), 'the token is in no message');
        return hasCode('TOKEN_INVALID', reason)(error);
      });
    }
    const { adapters } = await withToken(await issueToken(key, { ...claims, roles: ['king'] }));
    await assert.rejects(callUnary(adapters, 'listAdapters', everything), hasCode('ROLE_MISSING', /has king/));
  });

  test('a file that holds no token is named', async () => {
    const trusted = certificates.authority.certificate;
    for (const [file, code] of [
      ['/nowhere', 'FILE_UNREADABLE'],
      [tokenKeys, 'FILE_FORMAT'],
    ] as const) {
      const { adapters } = open({ trusted, tokenFile: file });
      await assert.rejects(callUnary(adapters, 'listAdapters', everything), hasCode(code, new RegExp(file)));
    }
  });

  test('streams are refused like single calls', async () => {
    const { tiles } = await withToken(await issueToken(key, { ...claims, hours: -1 }));
    const call = tiles.classifyTiles();
    const ended = new Promise<unknown>((resolve) => call.once('error', resolve));
    call.write({ part: undefined });
    call.on('data', () => assert.fail('a response'));
    assert.match(String(await ended), /UNAUTHENTICATED.*expired/);
  });

  test('probes need no token', async () => {
    const trusted = certificates.authority.certificate;
    assert.equal(await healthOf(services.host.server.endpoint, '', { trusted }), SERVING);
  });

  test('who does not speak TLS, or trusts another authority, does not get in', async () => {
    const plain = open({});
    const stranger = open({ trusted: certificates.stranger.certificate });
    for (const { adapters } of [plain, stranger]) {
      await assert.rejects(
        callUnary(adapters, 'listAdapters', everything, { timeout: 5_000 }),
        hasCode('SERVICE_UNREACHABLE'),
      );
    }
  });

  test('keys that are written anew count without a new start', async () => {
    const before = await as('reader');
    await callUnary(before.adapters, 'listAdapters', everything);
    const next = await createKeyFiles(path.join(directory, 'next'));
    const old = await readFile(tokenKeys);
    await writeFile(tokenKeys, await readFile(next.publicKeys));
    await assert.rejects(callUnary(before.adapters, 'listAdapters', everything), hasCode('TOKEN_INVALID', /no key/));
    const token = await issueToken(readPrivateKey('key', next.privateKey), claims);
    await callUnary((await withToken(token)).adapters, 'listAdapters', everything);
    await writeFile(tokenKeys, '{"damaged"');
    await callUnary((await withToken(token)).adapters, 'listAdapters', everything);
    await writeFile(tokenKeys, old);
  });

  test('headers beyond the limit end their call, and no other', async () => {
    const large = await withToken('x'.repeat(70_000));
    await assert.rejects(callUnary(large.adapters, 'listAdapters', everything, { timeout: 5_000 }));
    await callUnary((await as('reader')).adapters, 'listAdapters', everything);
  });
});

test('with mutual TLS, only clients with a certificate of the authority get in, with all roles', async () => {
  const { authority, server, client, stranger } = await makeCertificates();
  const trusted = authority.certificate;
  const services = await startServices(
    {
      tlsAuthority: authority.file,
      tlsCertificate: server.certificateFile,
      tlsKey: server.keyFile,
      tlsClients: 'verified',
    },
    undefined,
    { trusted, identity: client },
  );
  try {
    await prepareToy(services);
    await train(services, firstTraining);
    for (const access of [{ trusted }, { trusted, identity: stranger }]) {
      const { close, adapters } = connectAll(services.host.server.endpoint, access);
      await assert.rejects(
        callUnary(adapters, 'listAdapters', everything, { timeout: 5_000 }),
        hasCode('SERVICE_UNREACHABLE'),
      );
      close();
    }
  } finally {
    await services.stop();
  }
});
