import { z } from 'zod';

/** `scenes/<name>/scene.json`: what a prepared scene is, and where its arrays are. Writing it is what makes the scene appear. */
export const sceneManifestSchema = z
  .object({
    formatVersion: z.literal(1),
    name: z.string(),
    height: z.number().int().positive(),
    width: z.number().int().positive(),
    bands: z.number().int().positive(),
    components: z.number().int().positive(),
    explainedVarianceRatio: z.array(z.number()),
    statistics: z.array(
      z.object({ mean: z.number(), deviation: z.number(), minimum: z.number(), maximum: z.number() }).strict(),
    ),
    labelMaps: z.array(z.object({ name: z.string(), labelledPixels: z.number().int() }).strict()),
    classes: z.array(z.object({ name: z.string(), color: z.number().int() }).strict()),
    pcaDigest: z.string(),
    attribution: z.string(),
    sourceDigest: z.string(),
    /** Key prefix of the Zarr group with `scores`, `labels/<map>`, `pca/mean` and `pca/components`. */
    arrays: z.string(),
  })
  .strict();

export type SceneManifest = Readonly<z.infer<typeof sceneManifestSchema>>;

/** Pixels of one chunk of scores, on both axes. */
export const chunkSide = 64;

export function manifestKey(scene: string): string {
  return `scenes/${scene}/scene.json`;
}
