/** Finished map with the data that the page draws. */
import type { Scene } from '../../generated/hyperswap/v1/scene_pb.js';
import type { SceneJob } from '../../generated/hyperswap/v1/scene_job_pb.js';
import { shownError } from '../api/error-text.js';
import { scenes } from '../api/clients.js';
import { authorization } from '../api/token.js';
import { readLabels, mostPixels } from '../api/read-scene.js';
import { Cog } from '../raster/cog.js';
import { placeOf, type Place } from '../raster/place.js';
import { mapClasses, type MapClass } from './map-classes.js';

export interface OpenMap {
  readonly job: SceneJob;
  readonly id: string;
  readonly title: string;
  readonly classes: readonly MapClass[];
  readonly labels: Cog;
  readonly confidence: Cog;
  /** Undefined if the scene was deleted. */
  readonly scene: Scene | undefined;
  readonly place: Place | undefined;
}

/** Returns the address of a file of a map. @param reach pixels that smoothing reaches; 0 for none */
function mapFile(id: string, file: string, reach: number): string {
  return `maps/${id}/${file}${reach > 0 ? `?smooth=${reach}` : ''}`;
}

/** Opens a finished map. @param reach pixels that smoothing reaches */
export async function openMap(job: SceneJob, reach: number, signal: AbortSignal): Promise<OpenMap> {
  const id = job.status!.job;
  // The first request writes the files; its error has the reason.
  const response = await fetch(mapFile(id, 'labels.tif', reach), { method: 'HEAD', headers: authorization(), signal });
  if (!response.ok) {
    const problem = await fetch(mapFile(id, 'labels.tif', reach), { headers: authorization(), signal });
    throw new Error(((await problem.json()) as { message?: string }).message ?? problem.statusText);
  }
  const open = (file: string): Promise<Cog> => Cog.open(mapFile(id, file, reach), signal);
  const scene = await scenes.getScene({ name: job.scene }, { signal }).then(
    (found) => found.scene,
    (error: unknown) => {
      if (shownError(error).code === 'SCENE_NOT_FOUND') return undefined;
      throw error;
    },
  );
  const adapter = job.adapter!;
  return {
    ...{ job, id, scene },
    title: `${job.scene} by ${adapter.name}@${adapter.version}`,
    classes: mapClasses(adapter),
    labels: await open('labels.tif'),
    confidence: await open('confidence.tif'),
    place: scene?.lookupTable === undefined ? placeOf(scene?.raster?.georeference) : undefined,
  };
}

/**
 * Reads the ground truth of a map's scene: its first label map. Undefined without one, and for scenes too large to be
 * drawn at once.
 */
export async function readTruth({ scene, job }: OpenMap, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const [first] = scene?.labelMaps ?? [];
  if (scene === undefined || first === undefined || job.height * job.width > mostPixels) return undefined;
  return readLabels(scene, first.name, { row: 0, column: 0, height: job.height, width: job.width }, signal);
}

/** Downloads a file of a map, with the token of this tab. */
export async function download(id: string, file: string, reach: number, name: string): Promise<void> {
  const response = await fetch(mapFile(id, file, reach), { headers: authorization() });
  if (!response.ok) throw new Error(((await response.json()) as { message: string }).message);
  const address = URL.createObjectURL(await response.blob());
  const link = Object.assign(document.createElement('a'), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
