import type { Scene } from '@hyperswap/proto';
import { evaluate, smoothInThread, SpectralEdges, type Metrics } from '@hyperswap/map';
import { placeWindow } from '@hyperswap/raster';
import { readStream } from '@hyperswap/rpc';
import type { Session } from '../session.js';
import type { Progress } from '../terminal.js';
import { testMap, type RunResult } from './study-runs.js';

/**
 * Smooths the predictions of each run. Only test pixels vote, all with the same weight, since some methods predict
 * nothing else.
 *
 * @param truth labels of a run's test pixels
 * @param reach of `--smooth`, above 0
 */
export async function smoothRuns(
  session: Session,
  scene: Scene,
  results: readonly RunResult[],
  truth: (run: RunResult) => Uint8Array,
  reach: number,
  progress: Progress,
): Promise<Map<RunResult, Metrics>> {
  const edges = await edgesOfPrepared(session, scene);
  const smoothed = new Map<RunResult, Metrics>();
  for (const [index, run] of results.entries()) {
    progress.update('smoothing', index, results.length);
    const labels = testMap(run, scene.raster!);
    const map = { labels, confidence: new Uint8Array(labels.length).fill(255) };
    const smooth = await smoothInThread(map, edges, { reach, signal: session.signal });
    const own = Uint8Array.from(run.testPixels, (pixel) => smooth.labels[pixel]!);
    const names = run.metrics.perClass.map(({ name }) => name);
    smoothed.set(run, evaluate(truth(run), own, names));
  }
  return smoothed;
}

/** Distances between the scores of neighbouring pixels of a prepared scene. */
async function edgesOfPrepared(
  { scenes, signal }: Session,
  { name, digest, raster, components }: Scene,
): Promise<SpectralEdges> {
  const edges = new SpectralEdges(raster!.height, raster!.width);
  const call = scenes.streamTiles({ scene: name, sceneDigest: digest, tileSize: 0, halo: 1, window: undefined });
  const valid = new Uint8Array(raster!.height * raster!.width).fill(1);
  for await (const { window, halo, scores, mask } of readStream(scenes, call, signal)) {
    // Copied, since a message's bytes may begin anywhere.
    edges.place(window!, halo, new Float32Array(new Uint8Array(scores).buffer), components);
    if (mask.length > 0) placeWindow(valid, raster!.width, window!, mask);
  }
  edges.cut(valid);
  return edges;
}
