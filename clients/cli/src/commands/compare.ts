import type { Command } from 'commander';
import { failure } from '@hyperswap/errors';
import type { SceneMap } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { evaluate, mcnemar } from '@hyperswap/map';
import { percent, referenceOf } from '../report/report.js';
import { openSession, type GlobalFlags } from '../session.js';
import { smoothed } from '../smoothing.js';
import { printResult, Progress } from '../terminal.js';
import { classifyScene } from '../scene-jobs.js';
import { smoothing, smoothingReach } from './options.js';

interface CompareFlags extends GlobalFlags {
  readonly scene: string;
  readonly labels: string;
  readonly smooth: string;
}

export function addCompareCommand(program: Command): void {
  program
    .command('compare')
    .description('two adapters on the labelled pixels of a scene: accuracies, and McNemar’s test of their difference')
    .argument('<first>', 'name, name@7 or name:alias')
    .argument('<second>')
    .requiredOption('--scene <name>')
    .option('--labels <map>', 'label map to compare on: one that did not train them (all together)', '')
    .option('--smooth <pixels>', smoothing, '0')
    .action(async (first: string, second: string, _: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CompareFlags>();
      const reach = smoothingReach(flags.smooth);
      const session = await openSession(flags);
      const progress = new Progress();
      try {
        const { preprocessing, signal } = session;
        const request = { scene: flags.scene, labelMap: flags.labels };
        const { labels: all } = await callUnary(preprocessing, 'getLabels', request, { signal });
        const pixels = [...all.keys()].filter((pixel) => all[pixel]! > 0);
        const of = (map: Uint8Array): Uint8Array => Uint8Array.from(pixels, (pixel) => map[pixel]!);
        const { scene } = await callUnary(preprocessing, 'getScene', { name: flags.scene }, { signal });
        const mapBy = async (adapter: string): Promise<SceneMap> =>
          smoothed(session, await classifyScene(session, flags.scene, adapter, progress), scene!, reach, progress);
        const maps = [await mapBy(first), await mapBy(second)] as const;
        const names = maps.map(({ adapter }) => adapter!.classes.map(({ name }) => name));
        if (names[0]!.join() !== names[1]!.join()) {
          throw failure('FIELD_INVALID', { field: second, reason: `it knows other classes than ${first}` });
        }
        const labels = of(all);
        const predictions = [of(maps[0].labels), of(maps[1].labels)] as const;
        const metrics = predictions.map((predicted) => evaluate(labels, predicted, names[0]!));
        const difference = mcnemar(labels, ...predictions);
        progress.stop();
        const described = maps.map(({ adapter }, index) => {
          const { overallAccuracy, averageAccuracy, kappa } = metrics[index]!;
          const reference = referenceOf(adapter!);
          return `${reference}: OA ${percent(overallAccuracy)}, AA ${percent(averageAccuracy)}, kappa ${kappa.toFixed(4)}`;
        });
        const { onlyFirst, onlySecond, statistic, probability } = difference;
        printResult(flags.json, { pixels: pixels.length, metrics, mcnemar: difference }, [
          ...described,
          `of ${pixels.length} pixels only the first has ${onlyFirst} right, only the second ${onlySecond}: ` +
            `McNemar χ² ${statistic.toFixed(2)}, p ${probability < 0.0001 ? '< 0.0001' : `= ${probability.toFixed(4)}`}`,
        ]);
      } finally {
        progress.stop();
        await session.close();
      }
    });
}
