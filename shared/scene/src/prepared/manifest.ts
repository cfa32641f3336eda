import { createHash } from 'node:crypto';
import { failure, HyperswapError, isObjectKey, validateName } from '@hyperswap/errors';
import type { ObjectStore } from '@hyperswap/storage';
import { z } from 'zod';
import { arraysRoot } from './scene-arrays.js';

const count = z.number().int().positive();
const pixelCount = z.number().int().nonnegative();

/** JSON has no numbers that are not finite. */
const anyNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)]);

const georeferenceSchema = z.object({ crsWkt: z.string(), epsg: pixelCount, transform: z.array(z.number()) }).strict();

/** Map that a lookup table places the pixels on. */
const lookupTableSchema = z.object({ height: count, width: count, georeference: georeferenceSchema }).strict();

const rasterSchema = z
  .object({
    /** Type of the values as they were sent. */
    pixelType: z.enum(['uint8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'float64']),
    wavelengths: z.array(z.number()),
    fullWidths: z.array(z.number()),
    /** Empty: all. */
    goodBands: z.array(z.boolean()),
    nodata: anyNumber.optional(),
    zeroIsNodata: z.boolean(),
    scale: z.number().optional(),
    offset: z.number().optional(),
    georeference: georeferenceSchema.optional(),
  })
  .strict();

const common = {
  name: z.string(),
  height: count,
  width: count,
  bands: count,
  components: count,
  explainedVarianceRatio: z.array(z.number()),
  statistics: z.array(
    z.object({ mean: z.number(), deviation: z.number(), minimum: z.number(), maximum: z.number() }).strict(),
  ),
  classes: z.array(z.object({ name: z.string(), color: z.number().int(), code: z.number().int().optional() }).strict()),
  pcaDigest: z.string(),
  attribution: z.string(),
  sourceDigest: z.string(),
  /** Beginning of the keys of the scene's arrays. */
  arrays: z.string(),
};

/** Manifest of versions before 0.2, whose scenes have neither bands nor a mask. */
const firstSchema = z
  .object({
    ...common,
    formatVersion: z.literal(1),
    labelMaps: z.array(z.object({ name: z.string(), labelledPixels: pixelCount }).strict()),
  })
  .strict()
  .transform((manifest) => ({
    ...manifest,
    labelMaps: manifest.labelMaps.map((map) => ({ ...map, pixelsWithoutData: 0 })),
    validPixels: manifest.height * manifest.width,
    raster: undefined,
    lookupTable: undefined,
  }));

const secondSchema = z
  .object({
    ...common,
    formatVersion: z.literal(2),
    labelMaps: z.array(
      z.object({ name: z.string(), labelledPixels: pixelCount, pixelsWithoutData: pixelCount }).strict(),
    ),
    /** Pixels whose mask is 1. */
    validPixels: pixelCount,
    raster: rasterSchema,
    lookupTable: lookupTableSchema.optional(),
  })
  .strict();

/**
 * `scenes/<name>/scene.json`: what a prepared scene is, and where its arrays are. Writing it is what makes the scene
 * appear.
 */
const manifestSchema = z.discriminatedUnion('formatVersion', [firstSchema, secondSchema]);

export type SceneManifest = Readonly<z.infer<typeof manifestSchema>>;
export type RasterDescription = Readonly<z.infer<typeof rasterSchema>>;
export type LookupTableDescription = Readonly<z.infer<typeof lookupTableSchema>>;

/** A manifest with the digest of the scene's content: another content has another digest. */
export interface PinnedManifest {
  readonly manifest: SceneManifest;
  readonly digest: string;
}

/** Returns the key of a scene's manifest. */
export function manifestKey(scene: string): string {
  return `scenes/${scene}/scene.json`;
}

/** @throws SCENE_NOT_FOUND, OBJECT_DAMAGED */
export async function readManifest(store: ObjectStore, name: string): Promise<SceneManifest> {
  return (await readPinned(store, name)).manifest;
}

/** @throws SCENE_NOT_FOUND, OBJECT_DAMAGED */
export async function readPinned(store: ObjectStore, name: string): Promise<PinnedManifest> {
  const key = manifestKey(validateName('Scene name', name));
  const text = await store.get(key).catch((cause: unknown) => {
    if (HyperswapError.is(cause, 'OBJECT_NOT_FOUND')) {
      throw failure('SCENE_NOT_FOUND', { scene: name }, cause);
    }
    throw cause;
  });
  const manifest = parseManifest(name, text);
  return { manifest, digest: contentDigest(manifest) };
}

/** Returns the key of the manifest that a scene had before label maps were added. @param digest of that content */
export function earlierKey({ arrays }: Pick<SceneManifest, 'arrays'>, digest: string): string {
  return `${arrays}/earlier/${digest}.json`;
}

/**
 * Returns the manifest that a scene had before label maps were added; undefined when it never had such a content since
 * it was prepared. All that it names is still there: label maps are added, and never changed.
 *
 * @param now manifest of the scene
 * @throws OBJECT_DAMAGED
 */
export async function readEarlier(
  store: ObjectStore,
  now: SceneManifest,
  digest: string,
): Promise<SceneManifest | undefined> {
  if (!/^[0-9a-f]{64}$/.test(digest)) return undefined;
  const text = await store.get(earlierKey(now, digest)).catch((error: unknown) => {
    if (HyperswapError.is(error, 'OBJECT_NOT_FOUND')) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const manifest = parseManifest(now.name, text);
  return manifest.arrays === now.arrays && contentDigest(manifest) === digest ? manifest : undefined;
}

/** Returns the sha-256 of a scene's content in hexadecimal. Equal content may be kept in another place. */
export function contentDigest(manifest: SceneManifest): string {
  // A manifest that was read has its keys in another order than one that was just made.
  const inOrder = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  const text = JSON.stringify({ ...manifest, arrays: '' }, inOrder);
  return createHash('sha256').update(text).digest('hex');
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
  const text = JSON.stringify(
    manifest,
    (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value),
    2,
  );
  const { reason } = check(name, JSON.parse(text));
  if (reason !== undefined) throw failure('FIELD_INVALID', { field: `scene ${name}`, reason });
  return Buffer.from(text);
}

/** Returns a scene's manifest. @throws OBJECT_DAMAGED with the field that is wrong */
function parseManifest(name: string, stored: Uint8Array): SceneManifest {
  const damaged = (reason: string): Error => failure('OBJECT_DAMAGED', { key: manifestKey(name), reason });
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(stored).toString('utf8'));
  } catch {
    throw damaged('it is no JSON');
  }
  const checked = check(name, content);
  if (checked.manifest === undefined) throw damaged(checked.reason);
  return checked.manifest;
}

type Checked =
  | { readonly manifest: SceneManifest; readonly reason?: undefined }
  | { readonly manifest?: undefined; readonly reason: string };

/** Returns the manifest that a value is, or why it is none. */
function check(name: string, content: unknown): Checked {
  const { data, error } = manifestSchema.safeParse(content);
  if (data === undefined) {
    const issue = error.issues[0]!;
    return { reason: `${issue.path.join('.') || 'it'}: ${issue.message}` };
  }
  // Whoever deletes or replaces the scene deletes what its manifest names.
  const isOwn = data.name === name && isPlaceOf(name, data.arrays);
  return isOwn ? { manifest: data } : { reason: 'it describes another scene' };
}

/** Tells whether arrays may belong to a scene of a name. */
export function isPlaceOf(name: string, arrays: string): boolean {
  return isObjectKey(arrays) && [`scenes/${name}/`, `${arraysRoot}${name}/`].some((place) => arrays.startsWith(place));
}
