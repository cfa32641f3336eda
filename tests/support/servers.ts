/** Real servers for tests, on ports they pick, with data of their own. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { minioServer, natsServer, serverProgram, type ManagedServer, type MinioServer } from '@hyperswap/deploy';
import { Client } from 'minio';

/** Why tests that need the servers are skipped; undefined when they can run. Never in CI: there it fails instead. */
export const serversMissing: string | undefined = await Promise.all([
  serverProgram('nats-server'),
  serverProgram('minio'),
]).then(
  () => undefined,
  (error: unknown) => {
    if (process.env.CI !== undefined) throw error;
    return (error as Error).message;
  },
);

/** A nats-server that runs. */
export async function startNats(): Promise<ManagedServer & { readonly url: string }> {
  const server = await natsServer(await mkdtemp(path.join(tmpdir(), 'hyperswap-nats-')));
  await server.start();
  return { ...server, url: `nats://127.0.0.1:${server.port}` };
}

/** A MinIO that runs, and the settings of a bucket in it. */
export async function startMinio(): Promise<
  MinioServer & { readonly settings: { endpoint: string; accessKey: string; secretKey: string; bucket: string } }
> {
  const server = await minioServer(await mkdtemp(path.join(tmpdir(), 'hyperswap-minio-')));
  await server.start();
  const { port, accessKey, secretKey } = server;
  return { ...server, settings: { endpoint: `http://127.0.0.1:${port}`, accessKey, secretKey, bucket: 'hyperswap' } };
}

/** A client that does what somebody else could do to the objects. */
export function minioClient({ port, accessKey, secretKey }: MinioServer): Client {
  return new Client({ endPoint: '127.0.0.1', port, useSSL: false, accessKey, secretKey });
}
