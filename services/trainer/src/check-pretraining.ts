import { failure, validateName } from '@hyperswap/errors';
import type { Scene, StartPretrainingRequest } from '@hyperswap/proto';
import type { BackboneConfig } from '@hyperswap/spectralgpt';
import type { CheckContext } from './check-training.js';
import type { PretrainingSettings } from './engine/pretrain.js';
import { checkPretrainingMemory } from './training-memory.js';
import { parsePretrainingSettings, sizeConfig } from './training-settings.js';

/** Scenes that one pretraining learns from, prepared and simulated ones together. */
const maximumScenes = 10_000;
/** Side of a simulated scene in pixels. */
export const simulatedSide = 96;

/**
 * Checks all that decides a pretraining before it is queued: names, the backbone it starts from, size, settings,
 * scenes and memory.
 *
 * @returns digests of the scenes
 * @throws NAME_INVALID, FIELD_INVALID, BACKBONE_NOT_FOUND, SCENE_NOT_FOUND, SCENE_CHANGED
 */
export async function checkPretraining(
  request: StartPretrainingRequest,
  { backbones, trainingBytes, scenes, signal }: CheckContext,
): Promise<string[]> {
  validateName('Backbone name', request.backbone);
  const from = request.from === '' ? undefined : await backbones.describe(request.from);
  const { config, steps, hasRandomStart } = pretrainingSettings(request, from);
  if (steps === 0 && from !== undefined && hasRandomStart !== true) {
    const reason = `no step leaves ${from.name} as it is: set weights=random for random weights of its structure`;
    throw failure('FIELD_INVALID', { field: 'setting steps', reason });
  }
  const count = request.scenes.length + request.simulatedScenes;
  if (count === 0 && steps > 0)
    throw failure('FIELD_INVALID', { field: 'scenes', reason: 'there are none to learn from' });
  if (count > maximumScenes) {
    throw failure('FIELD_INVALID', { field: 'scenes', reason: `${count} are more than ${maximumScenes}` });
  }
  const { sceneDigests } = request;
  if (sceneDigests.length > 0 && sceneDigests.length !== request.scenes.length) {
    const reason = `it has ${sceneDigests.length} values for ${request.scenes.length} scenes`;
    throw failure('FIELD_INVALID', { field: 'scene_digests', reason });
  }
  const digests: string[] = [];
  let pixels = request.simulatedScenes * simulatedSide ** 2;
  for (const [index, name] of request.scenes.entries()) {
    const scene = await scenes.scene(name, sceneDigests[index], signal);
    digests.push(requireComponents(scene, config.components).digest);
    pixels += scene.raster!.height * scene.raster!.width;
  }
  checkPretrainingMemory(pixels, config.components, trainingBytes);
  return digests;
}

/**
 * Returns the settings of a pretraining with its defaults.
 *
 * @param from backbone that it starts from; undefined for a fresh one
 * @throws FIELD_INVALID
 */
export function pretrainingSettings(
  request: StartPretrainingRequest,
  from: { readonly name: string; readonly config: BackboneConfig } | undefined,
): PretrainingSettings {
  const settings = parsePretrainingSettings(from?.config ?? sizeConfig(request.size), request.settings, request.seed);
  if (from !== undefined && settings.config.tokenSize !== from.config.tokenSize) {
    const reason = `${from.name} has tokens of ${from.config.tokenSize} pixels; a fresh backbone can have others`;
    throw failure('FIELD_INVALID', { field: 'setting tokenSize', reason });
  }
  return settings;
}

/** Returns a scene after the check that a backbone can take its scores. @throws FIELD_INVALID */
export function requireComponents(scene: Scene, components: number): Scene {
  if (scene.components === components) return scene;
  const reason = `${scene.name} has ${scene.components} components, the backbone takes ${components}`;
  throw failure('FIELD_INVALID', { field: 'scenes', reason });
}
