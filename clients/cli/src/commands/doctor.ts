import { arch, cpus, platform, totalmem } from 'node:os';
import type { Command } from 'commander';
import { Precision, type Engine } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { precisionName } from '../names.js';
import { measureSceneTime, sceneTimeLines } from '../scene-time.js';
import { openSession, type GlobalFlags } from '../session.js';
import { printResult } from '../terminal.js';

/** Measured speeds, `-` where the machine has no such kernel. */
function speeds({ plain, fused, packedBlock, int8 }: Engine): string {
  const rounded = (speed: number | undefined): string => (speed === undefined || speed === 0 ? '-' : speed.toFixed(0));
  const floats = ['float32', 'bfloat16']
    .map((precision) => precision as 'float32' | 'bfloat16')
    .map((precision) => `${precision} ${rounded(plain?.[precision])} plain, ${rounded(fused?.[precision])} fused`);
  return [`${floats.join('; ')}, ${rounded(packedBlock)} own kernel`, `int8 ${rounded(int8)}`].join('; ');
}

/** Describes the error of the served backbone in int8. */
function int8Line(error: number, precision: Precision): string {
  const verdict = precision === Precision.PRECISION_INT8 ? '' : ': too much, so that another precision serves';
  return `features are off by ${(100 * error).toFixed(1)} % of their deviation${verdict}`;
}

/** Describes the GPU, and the reason if it is not used. */
function gpuLine({ build, driver, processorReason }: Engine): string {
  if (processorReason === '') return `used, NVIDIA driver ${driver}, ${build} build`;
  return `not used: ${processorReason}`;
}

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('check the environment: engine, device, precision, store, bus; time a map')
    .option('--scene <name>', 'measure how long the map of a prepared scene takes on this machine, in each precision')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags & { readonly scene?: string }>();
      const session = await openSession(flags);
      try {
        const { tiles, signal, local, endpoint } = session;
        const status = await callUnary(tiles, 'getStatus', {}, { signal });
        const engine = status.engine!;
        const elsewhere = `at ${endpoint}`;
        const found = {
          node: process.version,
          machine: `${platform()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
          services: local === undefined ? elsewhere : 'started by this command',
          engine: `TensorFlow ${engine.tensorflow} on ${engine.device}, ${engine.threads} threads`,
          gpu: gpuLine(engine),
          precision: `${precisionName(engine.precision)}, ${engine.fusedKernels ? 'fused kernels' : 'public ops'} (GFLOP/s measured: ${speeds(engine)})`,
          ...(engine.int8Error !== undefined && { int8: int8Line(engine.int8Error, engine.precision) }),
          liveTensors: String(engine.liveTensors),
          memory: `${(engine.residentBytes / 2 ** 30).toFixed(2)} GiB in the process`,
          backbone: `${status.backbone} ${status.backboneDigest.slice(0, 12)}, ${status.backboneParameters} parameters`,
          adapters: status.bindings.map(({ adapter }) => adapter).join(', ') || 'none bound',
          store: local?.store ?? elsewhere,
          bus: local?.bus ?? elsewhere,
        };
        const time = flags.scene === undefined ? undefined : await measureSceneTime(session, flags.scene);
        const lines = Object.entries(found).map(([key, value]) => `${key.padEnd(12)} ${value}`);
        const timeLines = time === undefined ? [] : ['', ...sceneTimeLines(time)];
        printResult(flags.json, { ...found, status, time }, [...lines, ...timeLines]);
      } finally {
        await session.close();
      }
    });
}
