import type { Command } from 'commander';
import { HyperswapError } from '@hyperswap/errors';
import type { Scene, SceneJob } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { allPages } from '../all-pages.js';
import { addMapOptions, mapOptions, outContents, type MapFlags } from '../map-files/map-options.js';
import { placedSource } from '../map-files/placed-map.js';
import { placeOfScene, reportMap } from '../map-files/report-map.js';
import { jobStateName } from '../names.js';
import { referenceOf } from '../report/report.js';
import { jobMap, watchSceneJob } from '../scene-jobs.js';
import { openSession, withSession, type GlobalFlags, type Session } from '../session.js';
import { Progress, shortTime, table } from '../terminal.js';
import { addDeadLetterCommands } from './dead-letters.js';

export function addJobCommands(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('list classifications of whole scenes, fetch their maps, cancel them');
  addDeadLetterCommands(jobs);

  jobs
    .command('list')
    .description('list the classifications of the last day, the newest first')
    .action((_: unknown, command: Command) =>
      withSession(
        command,
        async ({ sceneJobs, signal }) =>
          (await allPages((page) => callUnary(sceneJobs, 'listSceneJobs', page, { signal }))).flatMap(
            (page) => page.jobs,
          ),
        (all) =>
          table(
            ['job', 'scene', 'adapter', 'state', 'chunks', 'started', 'error'],
            all.map(({ status, scene, adapter }) => [
              status!.job,
              scene,
              referenceOf(adapter!),
              jobStateName(status!.state),
              `${status!.progress?.done ?? 0} of ${status!.progress?.total ?? 0}`,
              shortTime(status!.createdAt),
              status!.error?.message ?? (status!.waitingFor && `waits: ${status!.waitingFor.message}`) ?? '',
            ]),
          ),
        ['tile-inference'],
      ),
    );

  addMapOptions(jobs.command('map'))
    .argument('<job>')
    .requiredOption('--out <dir>', outContents)
    .description('wait for a classification and write its map')
    .action(async (job: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags & MapFlags & { out: string }>();
      const options = mapOptions(flags);
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const done = await watchSceneJob(session, job, progress);
        const scene = await sceneOf(session, done, progress);
        const source = jobMap(session, done, progress, options);
        const placed = scene === undefined ? { source, truth: undefined } : await placedSource(session, scene, source);
        const place = scene && (await placeOfScene(scene));
        const map = { ...options, ...placed, scene: done.scene, place };
        await reportMap(map, flags.out, { json: flags.json, progress });
      } finally {
        progress.stop();
        await session.close();
      }
    });

  jobs
    .command('cancel')
    .argument('<job>')
    .description('cancel a classification that waits or runs')
    .action((job: string, _: unknown, command: Command) =>
      withSession(
        command,
        async ({ sceneJobs, signal }) => {
          await callUnary(sceneJobs, 'cancelSceneJob', { job }, { signal });
          return { job };
        },
        () => [`${job} is cancelled.`],
        ['tile-inference'],
      ),
    );
}

/** Returns the scene of a job, for its georeference and labels; undefined if another scene has its name now. */
async function sceneOf(
  { scenes, signal }: Session,
  { scene: name, sceneDigest }: SceneJob,
  progress: Progress,
): Promise<Scene | undefined> {
  const scene = await callUnary(scenes, 'getScene', { name }, { signal }).then(
    (found) => found.scene,
    (error: unknown) => {
      if (HyperswapError.is(error, 'SCENE_NOT_FOUND')) return undefined;
      throw error;
    },
  );
  if (scene?.digest === sceneDigest) return scene;
  progress.warn(`scene ${name} was deleted or replaced; the map has neither its place nor its labels`);
  return undefined;
}
