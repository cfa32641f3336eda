/**
 * Measurement of one pod for `make bench-peft`, by a client in this process: the same tiles and adapters as
 * `peft_case.py`.
 */
import { callUnary } from '@hyperswap/rpc';
import type { Tile, TileResult } from '@hyperswap/proto';
import { startPod, type Pod } from '../support/fleet.js';
import { freePort } from '../support/free-port.js';
import { scoreHeader, TileStream } from '../support/tile-client.js';
import { summary } from './measure.js';
import { processMemory } from './memory.js';
import { halo, published, side, type Work } from './peft-work.js';

/** Settings of a measurement. */
export interface PeftCase {
  /** Numbers of adapters in turns, ascending. */
  readonly counts: readonly number[];
  /** First tile of the measurements, so that rounds continue where the last one ended. */
  readonly first: number;
  /** Tiles of each measurement. */
  readonly tiles: number;
  /** Pairs of tiles: after a switch of the adapter, and again. */
  readonly swaps: number;
  /** Versions of the published adapter that are measured. */
  readonly versions: number;
  /** Numbers of the tiles whose labels are returned, each by another adapter. */
  readonly checked: readonly number[];
}

/** Result of one side in one round. */
export interface PeftMeasured {
  /** Tiles per second of each number of adapters. */
  readonly rates: readonly number[];
  /** Memory that each adapter after the first adds to the process. */
  readonly residentBytes: number | null;
  /** Memory of an adapter's tensors. */
  readonly boundBytes: number;
  /** Adapters that a pod had ready at once. */
  readonly bindings?: number;
  /** Labels of the checked tiles, tile after tile. */
  readonly labels: readonly number[];
  /** The same by the adapters' heads alone, without their updates. */
  readonly headLabels?: readonly number[];
  /** Milliseconds of a tile by the adapter of the tile before. */
  readonly usual?: number;
  /** Milliseconds over a usual tile: of a tile by another adapter that is ready. */
  readonly swap?: number;
  /** Milliseconds of PEFT's `set_adapter`. */
  readonly setAdapter?: number;
  /**
   * Milliseconds over a usual tile: from the alias's move, or from reading the files, to the first tile by a new
   * adapter.
   */
  readonly published?: number;
}

/** Tiles in flight when throughput is measured. */
const inFlight = 16;

/** Runs a pod and measures it. @param environment of the pod, with its home */
export async function measurePod(
  environment: NodeJS.ProcessEnv,
  { scene, tiles }: Work,
  given: PeftCase,
): Promise<PeftMeasured> {
  const { counts, swaps, versions, checked } = given;
  const metricsPort = await freePort();
  const pod = await startPod('preprocessing,tile-inference', {
    ...environment,
    HYPERSWAP_METRICS_PORT: String(metricsPort),
  });
  const stream = new TileStream(pod.endpoint, scoreHeader(scene, 'a0'));
  const most = counts.at(-1)!;
  const tileOf = (number: number, adapter: string): Tile => ({ ...tiles[number % tiles.length]!, adapter });
  const classify = async (tile: Tile): Promise<{ result: TileResult; milliseconds: number }> => {
    const start = performance.now();
    await stream.send(tile);
    const { outcome } = await stream.readResult();
    if (outcome?.$case !== 'result') throw new Error('a tile came back without a result');
    return { result: outcome.value, milliseconds: performance.now() - start };
  };
  try {
    for (let i = 0; i < 4; i++) await classify(tileOf(i, 'a0'));
    const unbound = await bindingsOf(pod, metricsPort);
    const before = processMemory('VmRSS', pod.process.pid);
    // A tile of one pixel binds each further adapter.
    for (let i = 1; i < most; i++) await classify(onePixel(tiles[0]!, `a${i}`));
    const bound = await bindingsOf(pod, metricsPort);
    const added = bound.count - unbound.count;
    const residentBytes = added > 0 ? (processMemory('VmRSS', pod.process.pid) - before) / added : null;
    const boundBytes = bound.bytes / bound.count;
    const rates: number[] = [];
    for (const count of counts) rates.push(await throughput(stream, tileOf, count, given));
    const [switched, again]: [number[], number[]] = [[], []];
    for (let i = 0; i < swaps; i++) {
      const tile = tileOf(i, `a${(i + 1) % most}`);
      switched.push((await classify(tile)).milliseconds);
      again.push((await classify(tile)).milliseconds);
    }
    const usual = summary(again).median;
    const swap = summary(switched).median - usual;
    const moves: number[] = [];
    for (let version = 1; version <= versions; version++) {
      const start = performance.now();
      await callUnary(pod.adapters, 'setAlias', { adapter: `${published}@${version}`, alias: 'live' });
      for (;;) {
        const { result } = await classify(tileOf(version - 1, `${published}:live`));
        if (result.adapter === `${published}@${version}`) break;
      }
      moves.push(performance.now() - start);
    }
    // The next round's pod has this one from its start.
    await callUnary(pod.adapters, 'setAlias', { adapter: `${published}@${versions + 1}`, alias: 'live' });
    const labels: number[] = [];
    for (const [i, number] of checked.entries()) {
      labels.push(...(await classify(tileOf(number, `a${i % most}`))).result.labels);
    }
    return {
      rates,
      residentBytes,
      boundBytes,
      bindings: bound.count,
      labels,
      usual,
      swap,
      published: summary(moves).median - usual,
    };
  } finally {
    stream.close();
    await pod.stop();
  }
}

/** Cuts the first pixel of a tile, with the pixels around it. */
function onePixel(tile: Tile, adapter: string): Tile {
  const bytes = tile.pixels.byteLength / (side + 2 * halo) ** 2;
  const rows = Array.from({ length: 1 + 2 * halo }, (_, row) =>
    tile.pixels.subarray(row * (side + 2 * halo) * bytes, (row * (side + 2 * halo) + 1 + 2 * halo) * bytes),
  );
  return { ...tile, window: { ...tile.window!, height: 1, width: 1 }, pixels: Buffer.concat(rows), adapter };
}

/** Returns tiles per second of one stream with adapters in turns. */
async function throughput(
  stream: TileStream,
  tileOf: (number: number, adapter: string) => Tile,
  count: number,
  { first, tiles }: PeftCase,
): Promise<number> {
  const start = performance.now();
  let sent = 0;
  const send = async (): Promise<void> => {
    const number = first + sent++;
    await stream.send(tileOf(number, `a${number % count}`));
  };
  while (sent < Math.min(inFlight, tiles)) await send();
  for (let answered = 0; answered < tiles; answered++) {
    await stream.readResult();
    if (sent < tiles) await send();
  }
  return (1000 * tiles) / (performance.now() - start);
}

/** Returns the number of adapters that are ready, and the bytes of their bindings, as the pod's metrics tell them. */
async function bindingsOf({ tiles }: Pod, metricsPort: number): Promise<{ count: number; bytes: number }> {
  const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const { bindings } = await callUnary(tiles, 'getStatus', {});
  return { count: bindings.length, bytes: Number(/^hyperswap_bindings_bytes\S* (\S+)/m.exec(page)?.[1]) };
}
