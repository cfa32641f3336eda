/** `hyperswap health`, the probe of containers, against servers of the test's own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { SceneServiceService } from '@hyperswap/proto';
import { startServer, unaryHandler, type RunningServer, type ServerGuard } from '@hyperswap/rpc';
import { makeCertificates } from '../support/certificates.js';
import { commandFile, type Finished } from '../support/command.js';

const sceneService = 'hyperswap.v1.SceneService';

/** Starts a server of one service, which is not ready. */
async function serve(guard: ServerGuard = {}): Promise<RunningServer> {
  const implementation = { listScenes: unaryHandler(() => Promise.resolve({ scenes: [], nextPageToken: '' })) };
  const service = { name: sceneService, definition: SceneServiceService, implementation, roles: {} };
  return startServer([service], { host: '127.0.0.1', port: 0 }, guard);
}

/** Runs the probe with the settings of a process that listens on all addresses. */
function probe(port: number, args: readonly string[] = [], settings: NodeJS.ProcessEnv = {}): Promise<Finished> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    HYPERSWAP_HOST: '0.0.0.0',
    HYPERSWAP_PORT: String(port),
    ...settings,
  };
  // Address of another process, as a trainer's settings name preprocessing.
  env.HYPERSWAP_ENDPOINT = '127.0.0.1:1';
  return new Promise((resolve) => {
    execFile(process.execPath, [commandFile, 'health', ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test('the probe succeeds only while the service that it names is serving', async () => {
  const server = await serve();
  const { port } = server;
  try {
    const starting = await probe(port);
    assert.equal(starting.code, 1);
    assert.match(starting.stderr, /is not serving/);
    assert.equal((await probe(port, ['liveness'])).code, 0);
    server.health.set(sceneService, true);
    assert.deepEqual(await probe(port), { code: 0, stdout: 'SERVING\n', stderr: '' });
    assert.equal((await probe(port, [sceneService])).code, 0);
    const unknown = await probe(port, ['hyperswap.v1.TileService']);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /hosts no service hyperswap\.v1\.TileService/);
  } finally {
    await server.drain(0);
  }
  const gone = await probe(port);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /No service answers at 127\.0\.0\.1/);
});

test('the probe speaks TLS, and shows its certificate, where the process has one', async () => {
  const { authority, server: own } = await makeCertificates();
  const { certificate, key, certificateFile, keyFile } = own;
  const server = await serve({ identity: { certificate, key }, clientAuthority: authority.certificate });
  server.health.set(sceneService, true);
  try {
    const settings = {
      HYPERSWAP_TLS_AUTHORITY: authority.file,
      HYPERSWAP_TLS_CERTIFICATE: certificateFile,
      HYPERSWAP_TLS_KEY: keyFile,
    };
    const probed = await probe(server.port, [], settings);
    assert.equal(probed.code, 0, probed.stderr);
    assert.equal((await probe(server.port)).code, 1);
  } finally {
    await server.drain(0);
  }
});
