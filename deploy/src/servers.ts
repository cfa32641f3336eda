/** Starts nats-server with JetStream and MinIO as child processes on loopback. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { failure } from '@hyperswap/errors';
import { serverProgram } from './server-programs.js';

/** Server that can be stopped, killed and restarted on the same port with its data. */
export interface ManagedServer {
  readonly port: number;
  /** Returns the process's number; undefined while none runs. */
  pid(): number | undefined;
  /** Starts the server and waits until it answers. */
  start(): Promise<void>;
  /** Stops the server in an orderly way. */
  stop(): Promise<void>;
  /** Kills the server, as in a crash. */
  kill(): Promise<void>;
  /** Freezes the server: it does not answer until it is thawed, and its connections stay open. */
  freeze(): void;
  thaw(): void;
}

export interface MinioServer extends ManagedServer {
  readonly accessKey: string;
  readonly secretKey: string;
}

/** Maximum time until a server answers. */
const startMilliseconds = 30_000;

/**
 * Starts nats-server with JetStream in a folder.
 *
 * @param port 0 picks a free one
 * @param certificates folder with `public.crt`, `private.key` and `CAs/authority.crt`; enables mutual TLS
 */
export async function natsServer(directory: string, port = 0, certificates?: string): Promise<ManagedServer> {
  const program = await serverProgram('nats-server');
  const chosen = port === 0 ? await freePort() : port;
  const args = ['--addr', '127.0.0.1', '--port', String(chosen), '--jetstream', '--store_dir', directory];
  if (certificates !== undefined) {
    args.push('--tlsverify', '--tlscacert', path.join(certificates, 'CAs', 'authority.crt'));
    args.push('--tlscert', path.join(certificates, 'public.crt'), '--tlskey', path.join(certificates, 'private.key'));
  }
  return manage(program, args, {}, directory, chosen);
}

/**
 * Starts MinIO with its objects in a folder.
 *
 * @param port 0 picks a free one
 * @param certificates folder with `public.crt`, `private.key` and `CAs`; enables TLS
 */
export async function minioServer(directory: string, port = 0, certificates?: string): Promise<MinioServer> {
  const program = await serverProgram('minio');
  const chosen = port === 0 ? await freePort() : port;
  const console = await freePort();
  const [accessKey, secretKey] = ['hyperswap', 'hyperswap-development'];
  const args = ['server', directory, '--address', `127.0.0.1:${chosen}`, '--console-address', `127.0.0.1:${console}`];
  if (certificates !== undefined) args.push('--certs-dir', certificates);
  const environment = {
    MINIO_ROOT_USER: accessKey,
    MINIO_ROOT_PASSWORD: secretKey,
    MINIO_UPDATE: 'off',
    MINIO_BROWSER: 'off',
  };
  return { ...manage(program, args, environment, directory, chosen), accessKey, secretKey };
}

function manage(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  directory: string,
  port: number,
): ManagedServer {
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    child = undefined;
    if (running?.exitCode !== null || running.signalCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await ended;
  };
  const killAtExit = (): void => {
    child?.kill('SIGKILL');
  };
  return {
    port,
    pid: () => child?.pid,
    start: async () => {
      await mkdir(directory, { recursive: true });
      const started = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...environment } });
      child = started;
      process.once('exit', killAtExit);
      const deadline = Date.now() + startMilliseconds;
      while (!(await answers(port))) {
        await setTimeout(50);
        if (started.exitCode === null && Date.now() < deadline) continue;
        await end('SIGKILL');
        throw failure('SERVICE_UNREACHABLE', { endpoint: `127.0.0.1:${port}`, reason: `${program} does not answer` });
      }
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
  };
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const answer = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket
      .once('connect', () => {
        answer(true);
      })
      .once('error', () => {
        answer(false);
      });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
