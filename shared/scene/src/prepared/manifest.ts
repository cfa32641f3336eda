import { failure } from '@hyperswap/errors';
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

/** Returns the key of a scene's manifest. */
export function manifestKey(scene: string): string {
  return `scenes/${scene}/scene.json`;
}

/**
 * Returns what is stored of a manifest, after the check that reading it makes.
 *
 * @throws PIXELS_OVERFLOW when a statistic is not finite; FIELD_INVALID for what else could not be read again
 */
export function writeManifest(manifest: SceneManifest): Buffer {
  const { name, statistics, explainedVarianceRatio } = manifest;
  const numbers = [...statistics.flatMap((component) => Object.values(component)), ...explainedVarianceRatio];
  if (!numbers.every((value) => Number.isFinite(value))) throw failure('PIXELS_OVERFLOW', { scene: name });
  const text = JSON.stringify(manifest, null, 2);
  const reason = whyUnreadable(name, JSON.parse(text));
  if (reason !== undefined) throw failure('FIELD_INVALID', { field: `scene ${name}`, reason });
  return Buffer.from(text);
}

/** Returns a scene's manifest. @throws OBJECT_DAMAGED with the field that is wrong */
export function parseManifest(name: string, stored: Uint8Array): SceneManifest {
  let content: unknown;
  let reason: string | undefined;
  try {
    content = JSON.parse(Buffer.from(stored).toString('utf8'));
    reason = whyUnreadable(name, content);
  } catch {
    reason = 'it is no JSON';
  }
  if (reason !== undefined) throw failure('OBJECT_DAMAGED', { key: manifestKey(name), reason });
  return content as SceneManifest;
}

/** Returns why a value is no manifest of a scene; undefined when it is one. */
function whyUnreadable(name: string, content: unknown): string | undefined {
  const { data, error } = sceneManifestSchema.safeParse(content);
  const issue = error?.issues[0];
  if (issue !== undefined) return `${issue.path.join('.') || 'it'}: ${issue.message}`;
  // Whoever deletes or replaces the scene deletes what its manifest names.
  const isOwn = data?.name === name && data.arrays.startsWith(`scenes/${name}/`);
  return isOwn ? undefined : 'it describes another scene';
}
