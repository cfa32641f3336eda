/**
 * Work of `make bench-peft`, the same on both sides: tiles of a scene's scores, and LoRA adapters in a pod's home and
 * as PEFT's files.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { exportPeft, readAdapter } from '@hyperswap/adapter';
import { adaptedWeight, findMethod, methodSettings } from '@hyperswap/peft';
import type { Tile } from '@hyperswap/proto';
import { callUnary, readStream } from '@hyperswap/rpc';
import type { BackboneConfig } from '@hyperswap/spectralgpt';
import { startPod } from '../support/fleet.js';
import { madeUpBlob } from '../support/made-up-adapter.js';
import { prepareToy, registerBlob, toyScene } from '../support/services.js';

export const patchSize = 15;
export const halo = patchSize >> 1;
/** Side of a tile. */
export const side = 8;
export const classes = 16;
/** By which scores are divided before the backbone sees them. */
export const deviation = 100;
/** Deviation of the factors: so large that other factors give other labels. */
const factorDeviation = 0.3;
/** Tiles that lie on borders between two materials of the scene, so that they get several classes. */
export const checkedTiles = [2, 5, 10, 13];
/** Adapter whose versions take the alias `live` in turns; PEFT's files of version i + 1 are in `p<i>`. */
export const published = 'p';

export interface Work {
  /** Name of the scene. */
  readonly scene: string;
  /** Tiles of the scene in the order in which they are sent. */
  readonly tiles: readonly Tile[];
}

/**
 * Prepares a scene and registers adapters `a0`, `a1`, … and versions of `p`, one more than are measured, through a pod
 * that ends before the measurements.
 *
 * @param environment of the pod, with its home
 * @param folder gets `tiles.f32` and a folder of PEFT's files for each adapter
 */
export async function prepareWork(
  environment: NodeJS.ProcessEnv,
  folder: string,
  config: BackboneConfig,
  { adapters, versions }: { readonly adapters: number; readonly versions: number },
): Promise<Work> {
  const pod = await startPod('preprocessing,tile-inference', environment);
  try {
    const scene = await prepareToy(pod, 'bench', toyScene(64, 64, 16, 1));
    const { backbone, backboneDigest } = await callUnary(pod.tiles, 'getStatus', {});
    const { mean, components } = await callUnary(pod.scenes, 'getPca', { scene: scene.name });
    const method = findMethod('lora');
    const settings = methodSettings(method, adaptedWeight(config), { rank: 4, alpha: 4 });
    const pca = { mean: Float32Array.from(mean), components: Float32Array.from(components) };
    const register = async (name: string, seed: number, directory: string): Promise<void> => {
      const made = {
        backbone: { name: backbone, digest: backboneDigest },
        ...{ patchSize, bands: scene.raster!.bands, pcaDigest: scene.pcaDigest, classes, seed },
      };
      const blob = madeUpBlob(made, { method, settings }, config, pca, factorDeviation);
      await registerBlob(pod, name, blob);
      const files = exportPeft(name, readAdapter(name, blob));
      await mkdir(path.join(folder, directory));
      await writeFile(path.join(folder, directory, 'adapter_config.json'), files.config);
      await writeFile(path.join(folder, directory, 'adapter_model.safetensors'), files.model);
    };
    for (let i = 0; i < adapters; i++) await register(`a${i}`, i + 1, `a${i}`);
    for (let i = 0; i <= versions; i++) await register(published, 1001 + i, `${published}${i}`);
    const tiles: Tile[] = [];
    const call = pod.scenes.streamTiles({ scene: scene.name, tileSize: side, halo, window: undefined });
    for await (const { tile, window, scores } of readStream(pod.scenes, call)) {
      tiles.push({ id: String(tile), window, halo, margins: undefined, pixels: scores, adapter: '' });
    }
    await writeFile(path.join(folder, 'tiles.f32'), Buffer.concat(tiles.map(({ pixels }) => pixels)));
    return { scene: scene.name, tiles };
  } finally {
    await pod.stop();
  }
}
