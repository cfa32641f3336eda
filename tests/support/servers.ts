/** Real servers for tests, on free ports, with their own data. */
import { minioServer, natsServer, type ManagedServer, type MinioServer } from '@hyperswap/deploy';
import { Client } from 'minio';
import { missingPrograms } from './programs.js';
import { temporaryFolder } from './temporary-folder.js';

/** Reason to skip tests that need the servers; undefined when they can run. In CI a missing server is an error. */
export const serversMissing = await missingPrograms('nats-server', 'minio');

/** Starts a nats-server. @param certificates folder of them, for mutual TLS */
export async function startNats(
  certificates?: string,
): Promise<ManagedServer & { readonly url: string; readonly directory: string }> {
  const directory = await temporaryFolder('nats');
  const server = await natsServer(directory, 0, certificates);
  await server.start();
  return { ...server, directory, url: `${certificates === undefined ? 'nats' : 'tls'}://127.0.0.1:${server.port}` };
}

/** Starts a MinIO and returns the settings of a bucket in it. @param certificates folder of them, for TLS */
export async function startMinio(
  certificates?: string,
  directory?: string,
): Promise<
  MinioServer & { readonly settings: { endpoint: string; accessKey: string; secretKey: string; bucket: string } }
> {
  const server = await minioServer(directory ?? (await temporaryFolder('minio')), 0, certificates);
  await server.start();
  const { port, accessKey, secretKey } = server;
  const endpoint = `${certificates === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  return { ...server, settings: { endpoint, accessKey, secretKey, bucket: 'hyperswap' } };
}

/** Returns a client that changes objects directly, like a person with access to the bucket. */
export function minioClient({ port, accessKey, secretKey }: MinioServer): Client {
  return new Client({ endPoint: '127.0.0.1', port, useSSL: false, accessKey, secretKey });
}
