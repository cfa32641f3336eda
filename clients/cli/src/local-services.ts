/**
 * The services that a command starts for itself, as a child process. The command stays a gRPC client: reading a large
 * file here never delays the services there, and the process that holds TensorFlow ends with the command.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config, ServiceName } from '@hyperswap/config';
import { failure, restoreError } from '@hyperswap/errors';
import type { PrivateHostAnswer, PrivateHostOrder } from '@hyperswap/host';

/** Services of this command alone, on a free loopback port. */
export interface LocalServices {
  readonly endpoint: string;
  /** Object store and bus in words, for `doctor`. */
  readonly store: string;
  readonly bus: string;
  /** Waits up to a second for open work, then ends the process. */
  stop(): Promise<void>;
}

/** Milliseconds that the child may take to end before it is killed. */
const stopMilliseconds = 10_000;

/**
 * Starts services in a child process and waits until they serve.
 *
 * @param names services to start; fewer start faster
 * @throws errors of the host at its start, such as BACKBONE_NOT_FOUND or ENGINE_MISSING; INTERNAL when the process ends
 * without a reason
 */
export async function startLocalServices(config: Config, names: readonly ServiceName[]): Promise<LocalServices> {
  const program = fileURLToPath(import.meta.resolve('@hyperswap/host/private-program'));
  // Standard output belongs to the command's result; what the services print goes to standard error.
  const child = fork(program, [], { stdio: ['ignore', 2, 2, 'ipc'] });
  const answer = await firstAnswer(child, { config, services: names });
  return {
    ...answer,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMilliseconds);
      if (child.connected) child.disconnect();
      await gone;
      clearTimeout(timer);
    },
  };
}

function firstAnswer(child: ChildProcess, order: PrivateHostOrder): Promise<Omit<LocalServices, 'stop'>> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(failure('INTERNAL', { reason: `the services ended at their start (${signal ?? `exit code ${code}`})` }));
    });
    child.once('message', (answer: PrivateHostAnswer) => {
      child.removeAllListeners('exit');
      if ('endpoint' in answer) resolve(answer);
      else reject(restoreError(answer));
    });
    child.send(order);
  });
}
