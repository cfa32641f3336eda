import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import type { Scene, SceneMap } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import { completeClasses } from '@hyperswap/scene';
import { percent, referenceOf } from '../report/report.js';
import { writeMap } from '../report/write-map.js';
import { openSession, type GlobalFlags, type Session } from '../session.js';
import { printResult, Progress, table } from '../terminal.js';
import { classifyRawFile } from '../raw-file.js';

interface ClassifyFlags extends GlobalFlags {
  readonly scene: string;
  readonly adapter: string;
  readonly out: string;
  readonly variable?: string;
}

export function addClassifyCommand(program: Command): void {
  program
    .command('classify')
    .description('the land-cover map of a prepared scene, or of a raw file with the adapter’s own PCA')
    .requiredOption('--scene <name or file>')
    .requiredOption('--adapter <ref>', 'name, name@7 or name:alias')
    .requiredOption('--out <dir>', 'gets map.png, confidence.png, labels.tif and map.json')
    .option('--variable <key>', 'variable of the scene in a file that holds several')
    .action(async (_: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ClassifyFlags>();
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const isFile = await stat(flags.scene).then(
          (entry) => entry.isFile(),
          () => false,
        );
        const result = isFile
          ? {
              map: await classifyRawFile(session, flags.scene, flags.variable, flags.adapter, progress),
              truth: undefined,
            }
          : await classifyPrepared(session, flags.scene, flags.adapter, progress);
        progress.stop();
        const { map, truth } = result;
        const { height, width, labels, confidence, adapter } = map;
        const classes = completeClasses(adapter!.classes, 0);
        const reference = referenceOf(adapter!);
        await writeMap(flags.out, { height, width, labels, confidence, classes, truth, title: reference });
        const counts = classes.map(({ name }, index) => ({
          name,
          pixels: labels.reduce((count, label) => count + (label === index + 1 ? 1 : 0), 0),
        }));
        const summary = {
          scene: flags.scene,
          adapter: reference,
          digest: adapter!.digest,
          height,
          width,
          seconds: map.seconds,
          patchesPerSecond: (height * width) / map.seconds,
          classes: counts,
        };
        await writeFile(path.join(flags.out, 'map.json'), `${JSON.stringify(summary, null, 2)}\n`);
        const rows = counts.map(({ name, pixels }) => [name, String(pixels), percent(pixels / (height * width))]);
        printResult(flags.json, summary, [
          ...table(['class', 'pixels', 'share'], rows),
          `${height} × ${width} pixels by ${reference} in ${map.seconds.toFixed(1)} s; see ${path.join(flags.out, 'map.png')}`,
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}

/** Classifies a prepared scene as a job, and fetches its labels to show beside the map. */
async function classifyPrepared(
  session: Session,
  name: string,
  adapter: string,
  progress: Progress,
): Promise<{ map: SceneMap; truth: Uint8Array | undefined }> {
  const { preprocessing, signal } = session;
  const { scene } = await callUnary(preprocessing, 'getScene', { name }, { signal });
  const map = await classifyScene(session, name, adapter, progress);
  return { map, truth: await truthOf(session, scene!) };
}

/** Runs a scene job to its end. */
export async function classifyScene(
  { tileInference, signal }: Session,
  scene: string,
  adapter: string,
  progress: Progress,
): Promise<SceneMap> {
  const call = tileInference.classifyScene({ scene, adapter, chunkSize: 0 });
  for await (const { event } of readStream(tileInference, call, signal)) {
    if (event?.$case === 'map') {
      progress.update('classifying', 1, 1);
      return event.value;
    }
    if (event?.$case === 'progress') progress.update('classifying', event.value.doneChunks, event.value.totalChunks);
  }
  throw failure('INTERNAL', { reason: 'the scene job ended without a map' });
}

/** The first label map of a scene that has one. */
export async function truthOf(session: Session, { name, labelMaps }: Scene): Promise<Uint8Array | undefined> {
  if (labelMaps.length === 0) return undefined;
  const { preprocessing, signal } = session;
  const request = { scene: name, labelMap: '' };
  return (await callUnary(preprocessing, 'getLabels', request, { signal })).labels;
}
