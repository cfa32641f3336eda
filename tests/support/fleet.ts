/** Fleet for tests: nats-server, MinIO, and hyperswap processes that share them. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { readStream } from '@hyperswap/rpc';
import { commandFile } from './command.js';
import { startMinio, startNats } from './servers.js';
import { connectAll, readMapOf, type ServiceClients } from './services.js';
import { temporaryFolder } from './temporary-folder.js';

/** Lease of work items: a pod that is killed or stopped is detected after this time. */
export const leaseMilliseconds = 2_000;

/** One hyperswap process. */
export interface Pod extends ServiceClients {
  readonly endpoint: string;
  readonly process: ChildProcess;
  /** Drains and ends the process. */
  stop(): Promise<void>;
  /** Kills the process, as in a crash. */
  kill(): Promise<void>;
}

export interface Fleet {
  readonly nats: Awaited<ReturnType<typeof startNats>>;
  readonly minio: Awaited<ReturnType<typeof startMinio>>;
  /**
   * Starts a process with some services, `preprocessing,trainer,tile-inference` in all.
   *
   * @param environment additional variables
   */
  startPod(services: string, environment?: Readonly<Record<string, string>>): Promise<Pod>;
  /** Stops everything that was started. */
  stop(): Promise<void>;
}

/** Starts `hyperswap up` with some services, on a free port. @param directory working directory of the process */
export function startPod(services: string, environment: NodeJS.ProcessEnv, directory?: string): Promise<Pod> {
  return startServing(['up', '--services', services, '--port', '0'], environment, directory);
}

/**
 * Starts the command line with arguments that make it serve, and waits until it does.
 *
 * @param directory working directory of the process; that of this one by default
 */
export async function startServing(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  directory?: string,
): Promise<Pod> {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  // Pods are killed: what they leave behind is removed with this folder.
  const env = { ...environment, TMPDIR: await temporaryFolder('pod-files') };
  const child = spawn(process.execPath, [commandFile, ...args], { env, cwd: directory, stdio });
  let said = '';
  child.stderr.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-2000);
  });
  let address = '';
  for await (const line of createInterface({ input: child.stdout })) {
    address = /Serving on (\S+?)\.?$/.exec(line)?.[1] ?? '';
    if (address !== '') break;
  }
  assert.notEqual(address, '', `the pod did not start: ${said}`);
  const { close, ...clients } = connectAll(address);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    close();
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  };
  const stop = (): Promise<void> => end('SIGTERM');
  return { ...clients, endpoint: address, process: child, stop, kill: () => end('SIGKILL') };
}

/** @param minioDirectory where MinIO keeps its objects */
export async function startFleet(minioDirectory?: string): Promise<Fleet> {
  const [nats, minio] = await Promise.all([startNats(), startMinio(undefined, minioDirectory)]);
  const { endpoint, accessKey, secretKey, bucket } = minio.settings;
  const environment = {
    ...process.env,
    HYPERSWAP_HOME: await temporaryFolder('pod'),
    HYPERSWAP_LOG_LEVEL: 'silent',
    HYPERSWAP_LEASE_MILLISECONDS: String(leaseMilliseconds),
    NATS_URL: nats.url,
    S3_ENDPOINT: endpoint,
    S3_ACCESS_KEY: accessKey,
    S3_SECRET_KEY: secretKey,
    S3_BUCKET: bucket,
  };
  const pods: Pod[] = [];
  return {
    nats,
    minio,
    startPod: async (services, more = {}) => {
      const pod = await startPod(services, { ...environment, ...more });
      pods.push(pod);
      return pod;
    },
    stop: async () => {
      await Promise.all(pods.map((pod) => pod.kill()));
      await Promise.all([nats.kill(), minio.kill()]);
    },
  };
}

/** Returns labels and confidence of a scene job. @param onProgress is called with finished chunks */
export async function mapOf(
  { sceneJobs }: Pick<ServiceClients, 'sceneJobs'>,
  adapter: string,
  chunkSize: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<Buffer> {
  const request = { scene: 'toy', adapter, chunkSize, detached: false, probabilities: false };
  for await (const { event } of readStream(sceneJobs, sceneJobs.classifyScene(request))) {
    if (event?.$case === 'progress') onProgress(event.value.done);
    if (event?.$case === 'done') return readMapOf({ sceneJobs }, event.value);
  }
  throw new Error('the job ended without a map');
}

/** Waits until a condition holds, and fails with its last error if that takes too long. */
export async function eventually(milliseconds: number, check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await setTimeout(50);
  }
}
