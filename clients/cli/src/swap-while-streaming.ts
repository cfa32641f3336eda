/** Demonstration of a swap: a scene streams through an alias, which moves to another adapter and back meanwhile. */
import type { AdapterVersion, Scene } from '@hyperswap/proto';
import { callUnary } from '@hyperswap/rpc';
import { referenceOf, type SwapReport } from './report/report.js';
import type { Session } from './session.js';
import type { Progress } from './terminal.js';
import { classifyTiles } from './tile-stream.js';

const alias = 'serving';
const tileSize = 16;

/**
 * Streams all tiles of a scene through an alias of the first adapter. The alias moves to the second one when a quarter
 * of the tiles are answered, and back at the half.
 *
 * @returns tiles by the version that labelled them, and the milliseconds of both moves
 * @throws what the services refuse
 */
export async function swapWhileStreaming(
  session: Session,
  scene: Scene,
  [first, second]: readonly [AdapterVersion, AdapterVersion],
  progress: Progress,
): Promise<SwapReport> {
  const { adapters, signal } = session;
  const milliseconds: number[] = [];
  const pointTo = async (adapter: AdapterVersion): Promise<void> => {
    const start = performance.now();
    await callUnary(adapters, 'setAlias', { adapter: referenceOf(adapter), alias }, { signal });
    milliseconds.push(performance.now() - start);
  };
  await pointTo(first);
  milliseconds.length = 0;

  const { height, width } = scene.raster!;
  const total = Math.ceil(height / tileSize) * Math.ceil(width / tileSize);
  const stream = { scene, adapter: `${first.name}:${alias}`, tileSize, halo: first.patchSize >> 1 };
  const tilesByAdapter: Record<string, number> = {};
  let received = 0;
  for await (const { adapter } of classifyTiles(session, stream)) {
    received += 1;
    tilesByAdapter[adapter] = (tilesByAdapter[adapter] ?? 0) + 1;
    progress.update('swapping', received, total, adapter);
    if (received === Math.floor(total / 4)) await pointTo(second);
    if (received === Math.floor(total / 2)) await pointTo(first);
  }
  return { tilesSent: total, tilesReceived: received, tilesByAdapter, milliseconds };
}
