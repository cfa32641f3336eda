import { arch, cpus, platform, totalmem } from 'node:os';
import type { Command } from 'commander';
import { callUnary } from '@hyperswap/rpc';
import { openSession, type GlobalFlags } from '../session.js';
import { printResult } from '../terminal.js';

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('what is used, and what is missing')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>();
      const session = await openSession(flags);
      try {
        const { tileInference, signal, host, endpoint } = session;
        const status = await callUnary(tileInference, 'getStatus', {}, { signal });
        const engine = status.engine!;
        const elsewhere = `at ${endpoint}`;
        const found = {
          node: process.version,
          machine: `${platform()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
          services: host === undefined ? elsewhere : 'in this process',
          engine: `TensorFlow ${engine.tensorflow} on ${engine.device}, ${engine.threads} threads, float32`,
          liveTensors: `${engine.liveTensors} (${(engine.liveBytes / 1e6).toFixed(1)} MB)`,
          backbone: `${status.backbone} ${status.backboneDigest.slice(0, 12)}, ${status.backboneParameters} parameters`,
          adapters: status.bindings.map(({ adapter }) => adapter).join(', ') || 'none bound',
          store: host?.store ?? elsewhere,
          bus: host?.bus ?? elsewhere,
        };
        const lines = Object.entries(found).map(([key, value]) => `${key.padEnd(12)} ${value}`);
        printResult(flags.json, { ...found, status }, lines);
      } finally {
        await session.close();
      }
    });
}
