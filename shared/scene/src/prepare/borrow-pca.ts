import { failure } from '@hyperswap/errors';
import { describeBands, haveSameBands } from '@hyperswap/raster';
import type { ObjectStore } from '@hyperswap/storage';
import type { SceneLayout } from '../layout.js';
import type { RasterDescription, SceneManifest } from '../prepared/manifest.js';
import { PreparedScene } from '../prepared/prepared-scene.js';
import type { Pca } from './pca.js';
import type { PixelRule } from './valid-pixels.js';

/** Scene that takes the PCA of another scene. */
interface Borrower {
  readonly layout: Pick<SceneLayout, 'bands'>;
  readonly raster: RasterDescription;
  readonly rule: PixelRule;
}

/**
 * Reads the PCA of a prepared scene for another scene of the same sensor.
 *
 * @throws SCENE_NOT_FOUND, OBJECT_DAMAGED; FIELD_INVALID when bands, wavelengths, scale or offset differ, or a band
 * that the PCA uses is bad in the other scene
 */
export async function borrowPca(
  store: ObjectStore,
  name: string,
  { layout, raster, rule }: Borrower,
): Promise<Pick<Pca, 'mean' | 'components' | 'explainedVariance' | 'explainedVarianceRatio'>> {
  const scene = await PreparedScene.open(store, name);
  const { bands, raster: own } = scene.manifest;
  const invalid = (reason: string): Error => failure('FIELD_INVALID', { field: 'header.pca_of', reason });
  if (bands !== layout.bands) throw invalid(`scene ${name} has ${bands} bands, this one ${layout.bands}`);
  const wavelengths = own?.wavelengths ?? [];
  if (!haveSameBands(wavelengths, raster.wavelengths)) {
    throw invalid(`scene ${name} has ${describeBands(wavelengths)}, this one ${describeBands(raster.wavelengths)}`);
  }
  for (const [key, neutral] of [
    ['scale', 1],
    ['offset', 0],
  ] as const) {
    const [wanted, found] = [own?.[key] ?? neutral, raster[key] ?? neutral];
    if (own !== undefined && wanted !== found)
      throw invalid(`scene ${name} has the ${key} ${wanted}, this one ${found}`);
  }
  const { mean, components } = await scene.readPca();
  const good = new Set(rule.goodBands);
  const isUsed = (band: number): boolean =>
    components.some((loading, place) => place % bands === band && loading !== 0);
  const missing = Array.from({ length: bands }, (_, band) => band).find((band) => !good.has(band) && isUsed(band));
  if (missing !== undefined) {
    throw invalid(`the PCA of ${name} uses band ${missing + 1}, which is bad in this scene`);
  }
  const none = new Float32Array(components.length / bands);
  return { mean, components, explainedVariance: none, explainedVarianceRatio: none };
}

/**
 * Returns the shares of a scene's variance along the components of another PCA.
 *
 * @param statistics of the scores
 * @param own PCA of the scene, which has its total variance
 */
export function explainedShares(statistics: SceneManifest['statistics'], own: Pca): number[] {
  const [variance = 0, share = 0] = [own.explainedVariance[0], own.explainedVarianceRatio[0]];
  const total = share > 0 ? variance / share : 0;
  return statistics.map(({ deviation }) => (total > 0 ? deviation ** 2 / total : 0));
}
