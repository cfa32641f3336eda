import type { Command } from 'commander';
import { SceneJobState } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { watchSceneJob } from '../scene-jobs.js';
import { openSession, withSession, type GlobalFlags } from '../session.js';
import { smoothed } from '../smoothing.js';
import { Progress, table } from '../terminal.js';
import { reportMap, truthOf } from './classify.js';
import { smoothing, smoothingReach } from './options.js';

const stateNames: Readonly<Record<SceneJobState, string>> = {
  [SceneJobState.SCENE_JOB_STATE_UNSPECIFIED]: 'unknown',
  [SceneJobState.SCENE_JOB_STATE_RUNNING]: 'running',
  [SceneJobState.SCENE_JOB_STATE_DONE]: 'done',
  [SceneJobState.SCENE_JOB_STATE_FAILED]: 'failed',
  [SceneJobState.SCENE_JOB_STATE_CANCELLED]: 'cancelled',
  [SceneJobState.UNRECOGNIZED]: 'unknown',
};

export function addJobCommands(program: Command): void {
  const jobs = program.command('jobs').description('list and cancel the classifications of whole scenes');

  jobs
    .command('list')
    .description('those of the last day, the oldest first')
    .action((_: unknown, command: Command) =>
      withSession(
        command,
        async ({ tileInference, signal }) => (await callUnary(tileInference, 'listSceneJobs', {}, { signal })).jobs,
        (all) =>
          table(
            ['job', 'scene', 'adapter', 'state', 'chunks', 'started', 'error'],
            all.map(({ job, scene, adapter, state, doneChunks, totalChunks, startedAt, error }) => [
              job,
              scene,
              adapter,
              stateNames[state],
              `${doneChunks} of ${totalChunks}`,
              startedAt.slice(0, 19).replace('T', ' '),
              error,
            ]),
          ),
        ['tile-inference'],
      ),
    );

  jobs
    .command('map')
    .argument('<job>')
    .requiredOption('--out <dir>', 'gets map.png, confidence.png, labels.tif and map.json')
    .option('--smooth <pixels>', smoothing, '0')
    .description('the map of a job, when it is done')
    .action(async (job: string, { out, smooth }: { out: string; smooth: string }, command: Command) => {
      const reach = smoothingReach(smooth);
      const flags = command.optsWithGlobals<GlobalFlags>();
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const { preprocessing, tileInference, signal } = session;
        const classified = await watchSceneJob(session, job, progress);
        const known = (await callUnary(tileInference, 'listSceneJobs', {}, { signal })).jobs;
        const name = known.find((found) => found.job === job)?.scene ?? '';
        const { scene } = await callUnary(preprocessing, 'getScene', { name }, { signal });
        const truth = await truthOf(session, scene!);
        const map = await smoothed(session, classified, scene!, reach, progress);
        progress.stop();
        await reportMap({ scene: name, map, truth, reach }, out, flags.json);
      } finally {
        progress.stop();
        await session.close();
      }
    });

  jobs
    .command('cancel')
    .argument('<job>')
    .description('end a job that is running')
    .action((job: string, _: unknown, command: Command) =>
      withSession(
        command,
        async ({ tileInference, signal }) => {
          await callUnary(tileInference, 'cancelSceneJob', { job }, { signal });
          return { job };
        },
        () => [`${job} is cancelled.`],
        ['tile-inference'],
      ),
    );
}
