/** Exchange of tiles and labels over one or more connections. */
import { setTimeout } from 'node:timers/promises';
import type { ClassifyTilesHeader, ClassifyTilesResponse, Tile, TileServiceClient } from '@hyperswap/proto';
import { exchange } from '@hyperswap/rpc';
import { isCutOff, patienceMilliseconds } from './keep-watching.js';

/** Maximum number of unanswered tiles. They stay in memory, to be sent again after a lost connection. */
const maximumOpen = 16;
/** Delay before a retry, in milliseconds. */
const pauseMilliseconds = { first: 200, longest: 5_000 };

/**
 * Sends tiles and yields their answers. When the connection is cut off, or the server drains, tiles without an answer
 * go to the next server that answers, so that each tile is answered once.
 *
 * @param tiles with ids that differ; read as answers come, at most 16 ahead
 * @throws errors of the service, and SERVICE_UNREACHABLE or DRAINING when no server has answered for two minutes
 */
export async function* exchangeTiles(
  client: TileServiceClient,
  header: ClassifyTilesHeader,
  tiles: AsyncIterable<Tile>,
  signal: AbortSignal,
): AsyncGenerator<ClassifyTilesResponse, void, undefined> {
  const open = new Map<string, Tile>();
  const source = tiles[Symbol.asyncIterator]();
  let wake: () => void = () => undefined;
  /** Read of the source in progress. It outlives a lost connection. */
  let reading: Promise<Tile | undefined> | undefined;
  const read = async (): Promise<Tile | undefined> => {
    const next = await source.next();
    if (next.done === true) return undefined;
    open.set(next.value.id, next.value);
    return next.value;
  };

  async function* requests(again: readonly Tile[]) {
    yield { part: { $case: 'header' as const, value: header } };
    for (const value of again) yield { part: { $case: 'tile' as const, value } };
    for (;;) {
      while (open.size >= maximumOpen) await new Promise<void>((resolve) => (wake = resolve));
      reading = read();
      const value = await reading;
      reading = undefined;
      if (value === undefined) return;
      yield { part: { $case: 'tile' as const, value } };
    }
  }

  let lastAnswer = performance.now();
  let pause = pauseMilliseconds.first;
  try {
    for (;;) {
      // Waits for the read of a lost connection, because its tile belongs to the next connection.
      await reading;
      reading = undefined;
      try {
        for await (const response of exchange(client, client.classifyTiles(), requests([...open.values()]), signal)) {
          open.delete(response.id);
          wake();
          lastAnswer = performance.now();
          pause = pauseMilliseconds.first;
          yield response;
        }
        return;
      } catch (error) {
        if (!isCutOff(error) || performance.now() - lastAnswer > patienceMilliseconds) throw error;
      }
      await setTimeout(pause * (0.5 + Math.random()), undefined, { signal });
      pause = Math.min(2 * pause, pauseMilliseconds.longest);
    }
  } finally {
    await source.return?.();
  }
}
