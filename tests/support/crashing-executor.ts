/** Module loaded before a process's own code (`--import`): it ends the worker threads on SIGUSR2, as a crash does. */
import { syncBuiltinESMExports } from 'node:module';
import workers, { type WorkerOptions } from 'node:worker_threads';

const started: workers.Worker[] = [];

workers.Worker = class extends workers.Worker {
  constructor(file: string | URL, options?: WorkerOptions) {
    super(file, options);
    started.push(this);
  }
};
syncBuiltinESMExports();

process.on('SIGUSR2', () => {
  for (const worker of started) void worker.terminate();
});
