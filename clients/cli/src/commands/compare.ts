import { Option, type Command } from 'commander';
import { callUnary } from '@hyperswap/rpc';
import { percent, referenceOf } from '../report/report.js';
import { openSession, type GlobalFlags } from '../session.js';
import { printResult, Progress } from '../terminal.js';
import { runSceneJob } from '../scene-jobs.js';
import { smoothing, smoothingReach } from './options.js';

interface CompareFlags extends GlobalFlags {
  readonly scene: string;
  readonly labelMap?: string;
  /** Earlier spelling of `--label-map`. */
  readonly labels?: string;
  readonly smooth: string;
}

export function addCompareCommand(program: Command): void {
  program
    .command('compare')
    .description('compare two adapters on the labelled pixels of a scene: accuracies and McNemar’s test')
    .argument('<first>', 'name, name@7 or name:alias')
    .argument('<second>', 'the same, for the other adapter')
    .requiredOption('--scene <name>', 'prepared scene with labels')
    .option('--label-map <map>', 'label map to compare on: one that did not train them; all together by default')
    .addOption(new Option('--labels <map>').hideHelp())
    .option('--smooth <pixels>', smoothing, '0')
    .action(async (first: string, second: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CompareFlags>();
      const reach = smoothingReach(flags.smooth);
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const { sceneJobs, signal } = session;
        const jobs = [
          await runSceneJob(session, { name: flags.scene }, first, progress),
          await runSceneJob(session, { name: flags.scene }, second, progress),
        ] as const;
        const [firstJob, secondJob] = jobs.map(({ status }) => status!.job) as [string, string];
        const request = { firstJob, secondJob, labelMap: flags.labelMap ?? flags.labels ?? '', smoothingReach: reach };
        const found = await callUnary(sceneJobs, 'compareMaps', request, { signal, timeout: 600_000 });
        progress.stop();
        const { pixels, onlyFirst, onlySecond, statistic, probability } = found;
        const metrics = [found.first!, found.second!];
        const described = jobs.map(({ adapter }, index) => {
          const { overallAccuracy, averageAccuracy, kappa } = metrics[index]!;
          const reference = referenceOf(adapter!);
          return `${reference}: OA ${percent(overallAccuracy)}, AA ${percent(averageAccuracy)}, kappa ${kappa.toFixed(4)}`;
        });
        const mcnemar = { onlyFirst, onlySecond, statistic, probability };
        printResult(flags.json, { pixels, metrics, mcnemar }, [
          ...described,
          `of ${pixels} pixels only the first has ${onlyFirst} right, only the second ${onlySecond}: ` +
            `McNemar χ² ${statistic.toFixed(2)}, p ${probability < 0.0001 ? '< 0.0001' : `= ${probability.toFixed(4)}`}`,
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}
