/** Test of a pod that stops under load while another one joins. */
import { setTimeout } from 'node:timers/promises';
import type { ClassifyTilesHeader, Tile } from '@hyperswap/proto';
import type { Pod } from '../support/fleet.js';
import { TileStream } from '../support/tile-client.js';
import { svgChart } from './svg-chart.js';

/** Number of streams, and of tiles in flight on each. */
const [streams, inFlight] = [8, 4];
/** Seconds until a pod is stopped, a new pod is started, and the run ends. */
const [stopAt, replaceAt, endAt] = [5, 13, 22];
/** Width of a bar of the chart, seconds. */
const bucket = 0.5;

export interface DrainMeasured {
  readonly sent: number;
  readonly answered: number;
  /** Unanswered tiles, and duplicate answers. */
  readonly lost: number;
  readonly twice: number;
  /** Tiles that were sent again because the pod did not accept them any more. */
  readonly again: number;
  /** From SIGTERM to the end of the process. */
  readonly drainMilliseconds: number;
  /** Longest time between two answers. */
  readonly longest: number;
  /** Tiles a second, by seconds since the begin. */
  readonly rate: readonly (readonly [second: number, tilesPerSecond: number])[];
}

/**
 * Streams tiles to two pods, stops one of them, and starts another one.
 *
 * @param startPod starts a pod of the fleet
 * @param tile is sent again and again, each time with an id of its own
 */
export async function measureDrain(
  startPod: () => Promise<Pod>,
  header: ClassifyTilesHeader,
  tile: Tile,
): Promise<DrainMeasured & { readonly chart: string }> {
  let pods = [await startPod(), await startPod()];
  const waiting = new Set<string>();
  const answers: number[] = [];
  let [sent, twice, again] = [0, 0, 0];
  const begin = performance.now();
  const seconds = (): number => (performance.now() - begin) / 1000;

  /** Keeps tiles in flight on one stream after another until the time is over. */
  const client = async (_: unknown, index: number): Promise<void> => {
    const open = new Set<string>();
    for (;;) {
      const pod = pods[index % pods.length]!;
      const stream = new TileStream(pod.endpoint, header);
      again += open.size;
      try {
        for (const id of open) await stream.send({ ...tile, id });
        for (;;) {
          // Clients spread over the available pods: with two clients, each has its own.
          const moves = pods.length === 2 && pod !== pods[index % 2];
          while (open.size < inFlight && seconds() < endAt && !moves) {
            const id = String(sent++);
            waiting.add(id);
            open.add(id);
            await stream.send({ ...tile, id });
          }
          if (open.size === 0) break;
          const { id } = await stream.readResult();
          if (!waiting.delete(id)) twice += 1;
          open.delete(id);
          answers.push(seconds());
        }
        stream.close();
        if (seconds() >= endAt) return;
      } catch {
        // The pod drains: what it did not accept goes to another one.
        stream.close();
      }
    }
  };
  const clients = Array.from({ length: streams }, client);
  await setTimeout(1000 * stopAt);
  const [leaving, staying] = pods as [Pod, Pod];
  pods = [staying];
  const stopping = performance.now();
  await leaving.stop();
  const drainMilliseconds = performance.now() - stopping;
  await setTimeout(Math.max(0, 1000 * (replaceAt - seconds())));
  const fresh = await startPod();
  const freshAt = seconds();
  pods = [staying, fresh];
  await Promise.all(clients);
  await Promise.all(pods.map((pod) => pod.stop()));
  const gaps = answers.map((time, index) => time - (answers[index - 1] ?? 0));
  const buckets = Math.floor(endAt / bucket);
  const rate = Array.from({ length: buckets }, (_, index) => {
    const within = answers.filter((time) => Math.floor(time / bucket) === index).length;
    return [(index + 0.5) * bucket, within / bucket] as const;
  });
  const chart = svgChart({
    title: 'A pod stops under load, and another one comes',
    xTitle: 'seconds',
    panels: [
      {
        title: 'answered 8 × 8 tiles a second',
        series: [{ name: 'tiles', points: rate }],
        marks: [
          [stopAt, 'SIGTERM'],
          [stopAt + drainMilliseconds / 1000, 'pod ended'],
          [freshAt, 'new pod'],
        ],
      },
    ],
  });
  const longest = 1000 * Math.max(...gaps.slice(1));
  return { sent, answered: answers.length, lost: waiting.size, twice, again, drainMilliseconds, longest, rate, chart };
}
