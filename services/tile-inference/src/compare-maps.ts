import { failure } from '@hyperswap/errors';
import { evaluate, mcnemar } from '@hyperswap/map';
import type { CompareMapsRequest, CompareMapsResponse } from '@hyperswap/proto';
import { toMetricsMessage } from '@hyperswap/registry';
import type { CallContext } from '@hyperswap/rpc';
import { PreparedScene } from '@hyperswap/scene';
import { wholeMap } from './finished-map.js';
import type { FinishedJob, SceneJobs } from './scene-jobs.js';
import { smoothedMap } from './smoothed-map.js';

/**
 * Compares two maps of one scene on its labels.
 *
 * @throws JOB_NOT_FOUND, JOB_NOT_DONE, SCENE_CHANGED when the scene was replaced since; FIELD_INVALID when the maps are
 *   of other scenes or classes, or nothing is labelled
 */
export async function compareMaps(
  jobs: SceneJobs,
  { firstJob, secondJob, labelMap, smoothingReach }: CompareMapsRequest,
  { signal }: CallContext,
): Promise<CompareMapsResponse> {
  const [first, second] = [await jobs.findDone(firstJob), await jobs.findDone(secondJob)];
  const invalid = (field: string, reason: string): Error => failure('FIELD_INVALID', { field, reason });
  if (first.scene !== second.scene) throw invalid('second_job', `it mapped ${second.scene}, the first ${first.scene}`);
  const names = await jobs.classNames(first);
  if (names.join('\n') !== (await jobs.classNames(second)).join('\n')) {
    throw invalid('second_job', `its adapter ${second.adapter} knows other classes than ${first.adapter}`);
  }
  // Labels that were added since are no other pixels: both maps keep to what the scene was, and are compared on all
  // labels of now.
  await PreparedScene.openPinned(jobs.store, first.scene, first.sceneDigest);
  const scene = await PreparedScene.open(jobs.store, first.scene);
  await scene.at(second.sceneDigest);
  const truth = await scene.readLabels(labelMap === '' ? undefined : labelMap);
  const pixels: number[] = [];
  truth.forEach((label, pixel) => {
    if (label > 0) pixels.push(pixel);
  });
  if (pixels.length === 0) throw invalid('label_map', 'it has no labelled pixel');
  const labelsOf = async (job: FinishedJob): Promise<Uint8Array> => {
    const context = { store: jobs.store, signal, onProgress: () => undefined };
    const { labels } =
      smoothingReach > 0 ? await smoothedMap(job, smoothingReach, context) : await wholeMap(jobs.store, job);
    return Uint8Array.from(pixels, (pixel) => labels[pixel]!);
  };
  const labels = Uint8Array.from(pixels, (pixel) => truth[pixel]!);
  const predictions = [await labelsOf(first), await labelsOf(second)] as const;
  const [a, b] = predictions.map((predicted) => toMetricsMessage(evaluate(labels, predicted, names)));
  const { onlyFirst, onlySecond, statistic, probability } = mcnemar(labels, ...predictions);
  return { pixels: pixels.length, first: a, second: b, onlyFirst, onlySecond, statistic, probability };
}
