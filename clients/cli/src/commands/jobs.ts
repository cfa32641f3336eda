import type { Command } from 'commander';
import { JobState } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { truthOf } from '../labels.js';
import { referenceOf } from '../report/report.js';
import { readMap, watchSceneJob } from '../scene-jobs.js';
import { openSession, withSession, type GlobalFlags } from '../session.js';
import { Progress, shortTime, table } from '../terminal.js';
import { reportMap } from './classify.js';
import { smoothing, smoothingReach } from './options.js';

const stateNames: Readonly<Record<JobState, string>> = {
  [JobState.JOB_STATE_UNSPECIFIED]: 'unknown',
  [JobState.JOB_STATE_QUEUED]: 'queued',
  [JobState.JOB_STATE_RUNNING]: 'running',
  [JobState.JOB_STATE_CANCELLING]: 'cancelling',
  [JobState.JOB_STATE_DONE]: 'done',
  [JobState.JOB_STATE_FAILED]: 'failed',
  [JobState.JOB_STATE_CANCELLED]: 'cancelled',
  [JobState.UNRECOGNIZED]: 'unknown',
};

export function addJobCommands(program: Command): void {
  const jobs = program.command('jobs').description('list and cancel the classifications of whole scenes');

  jobs
    .command('list')
    .description('those of the last day, the newest first')
    .action((_: unknown, command: Command) =>
      withSession(
        command,
        async ({ sceneJobs, signal }) =>
          (await callUnary(sceneJobs, 'listSceneJobs', { pageSize: 1000, pageToken: '' }, { signal })).jobs,
        (all) =>
          table(
            ['job', 'scene', 'adapter', 'state', 'chunks', 'started', 'error'],
            all.map(({ status, scene, adapter }) => [
              status!.job,
              scene,
              referenceOf(adapter!),
              stateNames[status!.state],
              `${status!.progress?.done ?? 0} of ${status!.progress?.total ?? 0}`,
              shortTime(status!.createdAt),
              status!.error?.message ?? '',
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
        const { scenes, signal } = session;
        const done = await watchSceneJob(session, job, progress);
        const { scene } = await callUnary(scenes, 'getScene', { name: done.scene }, { signal });
        const truth = await truthOf(session, scene!);
        const map = await readMap(session, done, progress, reach);
        progress.stop();
        await reportMap({ scene: done.scene, map, truth, reach }, out, flags.json);
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
        async ({ sceneJobs, signal }) => {
          await callUnary(sceneJobs, 'cancelSceneJob', { job }, { signal });
          return { job };
        },
        () => [`${job} is cancelled.`],
        ['tile-inference'],
      ),
    );
}
