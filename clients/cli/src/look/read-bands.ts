import type { Scene } from '@hyperswap/proto';
import type { Window } from '@hyperswap/raster';
import { bandValues, readStream, type BandValues } from '@hyperswap/rpc';
import type { Session } from '../session.js';

/** Some pixels of a scene. */
export interface BandBlock {
  readonly window: Window;
  /** `[height, width, bands]` */
  readonly values: BandValues;
  /** 1 for pixels with data. */
  readonly mask: Uint8Array;
}

/** Reads pixels of a prepared scene. @param bands from 0; none for all @throws FIELD_INVALID, SCENE_CHANGED */
export async function* readBands(
  { scenes, signal }: Session,
  { name, digest }: Scene,
  bands: readonly number[],
  window?: Window,
): AsyncGenerator<BandBlock> {
  const call = scenes.readBands({ scene: name, sceneDigest: digest, bands: [...bands], window });
  for await (const { window: place, pixelType, values, mask } of readStream(scenes, call, signal)) {
    yield { window: place!, values: bandValues(values, pixelType), mask };
  }
}
