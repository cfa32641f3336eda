import type { openInference } from '@hyperswap/proto';
import { parseReference } from '@hyperswap/registry';
import type { CountedTime, ServingStatistics, VersionStatistics } from '../serving-statistics.js';

type Duration = openInference.StatisticDuration;

/**
 * Returns what this process has done with versions.
 *
 * @param name of a model; empty for all of them
 * @param version number; empty for all of the model's
 */
export function modelStatistics(
  statistics: ServingStatistics,
  name: string,
  version: string,
): openInference.ModelStatistics[] {
  return statistics
    .versions()
    .map((found) => ({ found, ...parseReference(found.reference) }))
    .filter((each) => (name === '' || each.name === name) && (version === '' || String(each.version) === version))
    .map((each) => toMessage(each.name, String(each.version), each.found, statistics));
}

function toMessage(
  name: string,
  version: string,
  { digest, lastInference, patches, success, fail, queue, engine }: VersionStatistics,
  statistics: ServingStatistics,
): openInference.ModelStatistics {
  const batches = statistics.batchesOf(digest);
  const none: Duration = { count: 0, ns: 0 };
  const untimed: Duration = { count: success.count, ns: 0 };
  return {
    name,
    version,
    lastInference,
    inferenceCount: patches,
    executionCount: batches.reduce((sum, [, { count }]) => sum + count, 0),
    inferenceStats: {
      success: toDuration(success),
      fail: toDuration(fail),
      queue: toDuration(queue),
      computeInput: untimed,
      computeInfer: toDuration(engine),
      computeOutput: untimed,
      cacheHit: none,
      cacheMiss: none,
    },
    batchStats: batches.map(([batchSize, time]) => ({
      batchSize,
      computeInput: { count: time.count, ns: 0 },
      computeInfer: toDuration(time),
      computeOutput: { count: time.count, ns: 0 },
    })),
  };
}

function toDuration({ count, milliseconds }: CountedTime): Duration {
  return { count, ns: Math.round(1e6 * milliseconds) };
}
