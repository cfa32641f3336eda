import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { callUnary, readStream, toMilliseconds } from '@hyperswap/rpc';
import { pretrainingScenes } from '../datasets/pretraining-scenes.js';
import { renderLossCurve } from '../report/loss-curve.js';
import { openSession, type GlobalFlags } from '../session.js';
import { printResult, Progress } from '../terminal.js';
import { watchPretraining } from '../training.js';
import { uploadScene } from '../upload.js';
import { parseSettings } from './options.js';

interface PretrainMiniFlags extends GlobalFlags {
  readonly data: string;
  readonly out: string;
  readonly set: readonly string[];
  readonly resume?: boolean;
}

const backbone = 'spectralgpt-mini';
const simulatedScenes = 40;
const seed = 1;
/** The written curve has one point for so many steps, their mean. */
const stepsPerPoint = 20;

/** `make pretrain-mini`: makes the backbone that ships with hyperswap, again. */
export function addPretrainMiniCommand(program: Command): void {
  program
    .command('pretrain-mini')
    .description('pretrain the shipped backbone again, from a folder of real scenes')
    .requiredOption('--data <dir>', 'the folder of scenes')
    .requiredOption('--out <dir>', 'folder for the backbone, its loss curve and a list of its scenes')
    .option('--resume', 'continue from the last checkpoint of an earlier run')
    .option(
      '--set <key=value>',
      'a setting, such as steps=1000; repeatable',
      (value, all: string[]) => [...all, value],
      [],
    )
    .action(async (own: PretrainMiniFlags, command: Command) => {
      const flags = command.optsWithGlobals<PretrainMiniFlags>();
      const session = await openSession({ ...flags, home: flags.home ?? path.join(flags.out, 'home') });
      const progress = new Progress();
      try {
        const scenes = await pretrainingScenes(flags.data);
        const prepared = [];
        for (const [index, scene] of scenes.entries()) {
          prepared.push(await uploadScene(session, { ...scene, replace: true }, new Progress(true)));
          progress.update('preparing scenes', index + 1, scenes.length, scene.name);
        }
        const { trainings, backbones, signal } = session;
        const settings = parseSettings(own.set);
        const names = prepared.map(({ name }) => name);
        const request = {
          scenes: names,
          sceneDigests: [],
          simulatedScenes,
          size: 'mini',
          backbone,
          settings,
          seed,
          from: '',
          resume: flags.resume === true,
        };
        const { training } = await callUnary(trainings, 'startPretraining', request, { signal });
        const result = await watchPretraining(session, training, progress);
        progress.stop();

        const files = new Map<string, Buffer[]>();
        const call = backbones.exportBackbone({ backbone });
        for await (const { file, chunk } of readStream(backbones, call, signal)) {
          files.set(file, [...(files.get(file) ?? []), chunk]);
        }
        await mkdir(flags.out, { recursive: true });
        for (const [file, chunks] of files) await writeFile(path.join(flags.out, file), Buffer.concat(chunks));
        const { digest, parameters, lossByStep, steps, elapsed } = result;
        const seconds = toMilliseconds(elapsed) / 1000;
        const curve = means(lossByStep, Math.max(1, Math.round((stepsPerPoint * lossByStep.length) / steps)));
        const record = {
          backbone,
          digest,
          parameters,
          scenes: prepared.map(({ name, raster }) => ({
            name,
            height: raster!.height,
            width: raster!.width,
            bands: raster!.bands,
          })),
          simulatedScenes,
          seed,
          settings,
          steps,
          seconds: Math.round(seconds),
          stepsPerPoint: Math.max(1, Math.round(steps / curve.length)),
          loss: curve.map((loss) => Number(loss.toFixed(4))),
        };
        await writeFile(path.join(flags.out, 'pretraining.json'), `${JSON.stringify(record, null, 2)}\n`);
        await writeFile(
          path.join(flags.out, 'loss.svg'),
          `${renderLossCurve(curve, `${Math.max(1, Math.round(steps / curve.length))} steps`)}\n`,
        );
        printResult(flags.json, record, [
          `${backbone} ${digest.slice(0, 12)}: ${parameters} parameters, loss ${curve.at(-1)!.toFixed(3)}, ${Math.round(seconds)} s, in ${flags.out}`,
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}

function means(values: readonly number[], count: number): number[] {
  return Array.from({ length: Math.ceil(values.length / count) }, (_, point) => {
    const part = values.slice(point * count, (point + 1) * count);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
