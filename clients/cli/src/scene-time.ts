/** Time that the map of a scene takes, from the speed of the served backbone, measured now. */
import type { PredictRequest } from '@hyperswap/proto';
import { callUnary, exchange } from '@hyperswap/rpc';
import { precisions, type PrecisionName } from './names.js';
import type { Session } from './session.js';
import { table } from './terminal.js';

/** Speed of the served backbone in a precision. */
export interface PatchSpeed {
  readonly precision: PrecisionName;
  readonly patchesPerSecond: number;
}

/** Times of a scene. */
export interface SceneTime {
  readonly scene: string;
  /** Pixels with data. */
  readonly pixels: number;
  readonly speeds: readonly PatchSpeed[];
}

/** Patches of the warm-up run. */
const warmUpPatches = 16;
/** Target duration of a measurement. */
const aimedSeconds = 2;
/** Patches of a message: 3 MiB of the largest backbone. */
const patchesPerMessage = 64;
const mostPatches = 1024;
/** Shares of pixels that adaptive mode classifies at an agreement of 99 %, on scenes that were measured. */
const adaptiveShares = [0.4, 0.6] as const;

/** Measures the served backbone, and returns what a scene takes. @throws SCENE_NOT_FOUND */
export async function measureSceneTime(session: Session, scene: string): Promise<SceneTime> {
  const { scenes, tiles, backbones, signal } = session;
  const found = (await callUnary(scenes, 'getScene', { name: scene }, { signal })).scene!;
  const status = await callUnary(tiles, 'getStatus', {}, { signal });
  const { backbone } = await callUnary(backbones, 'getBackbone', { backbone: status.backbone }, { signal });
  const values = backbone!.components * backbone!.imageSize ** 2;
  const speeds: PatchSpeed[] = [];
  for (const precision of ['int8', 'bfloat16', 'float32'] as const) {
    // int8 runs on processors only.
    if (precision === 'int8' && status.engine!.device !== 'cpu') continue;
    await secondsOf(session, precision, warmUpPatches, values);
    const first = await secondsOf(session, precision, warmUpPatches, values);
    const patches = Math.min(mostPatches, Math.max(warmUpPatches, Math.round((aimedSeconds * warmUpPatches) / first)));
    speeds.push({ precision, patchesPerSecond: patches / (await secondsOf(session, precision, patches, values)) });
  }
  return { scene, pixels: found.validPixels, speeds };
}

/** Returns the lines of a table of times. */
export function sceneTimeLines({ scene, pixels, speeds }: SceneTime): string[] {
  const rows = speeds.map(({ precision, patchesPerSecond }) => {
    const exact = pixels / patchesPerSecond;
    const [low, high] = adaptiveShares.map((share) => duration(share * exact));
    return [precision, patchesPerSecond.toFixed(1), duration(exact), `${low} to ${high}`];
  });
  return [
    `${scene}: ${pixels} pixels with data`,
    ...table(['precision', 'patches/s', 'exact map', 'adaptive, 99 %'], rows),
    'An adapter with several views takes so many times longer.',
  ];
}

/** Seconds for patches of zeros: their values do not change the work. */
async function secondsOf(
  { tiles, signal }: Session,
  precision: PrecisionName,
  patches: number,
  valuesPerPatch: number,
): Promise<number> {
  // eslint-disable-next-line @typescript-eslint/require-await -- the exchange takes an async iterable
  async function* requests(): AsyncGenerator<PredictRequest> {
    yield {
      part: { $case: 'header', value: { backbone: '', precision: precisions[precision], adapter: undefined } },
    };
    for (let left = patches; left > 0; left -= patchesPerMessage) {
      const value = Buffer.alloc(4 * valuesPerPatch * Math.min(left, patchesPerMessage));
      yield { part: { $case: 'patches', value } };
    }
  }
  const start = performance.now();
  let done = 0;
  for await (const { count } of exchange(tiles, tiles.predict(), requests(), signal)) done += count;
  return ((performance.now() - start) / 1000) * (patches / done);
}

/** Returns a time in words, for example `40 s`, `12 min` or `3.2 h`. */
function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
