/** Manifest of a backbone beside its files, so that its description needs no reading of weights. */
import { failure, validateName } from '@hyperswap/errors';
import { backboneConfigSchema, type BackboneDescription } from '@hyperswap/spectralgpt';
import { z } from 'zod';

/** Files of a backbone. */
export const backboneFiles = ['config.json', 'model.safetensors'] as const;

/** Name of the file that describes a backbone. */
export const manifestFile = 'manifest.json';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const manifestSchema = z.object({
  formatVersion: z.literal(1),
  digest,
  weightsDigest: digest,
  config: backboneConfigSchema,
  parameters: z.number().int().positive(),
});

/** Key of an object of a stored backbone. @throws NAME_INVALID */
export function backboneKey(name: string, file: (typeof backboneFiles)[number] | typeof manifestFile): string {
  return `backbones/${validateName('Backbone name', name)}/${file}`;
}

export function writeBackboneManifest({ digest, weightsDigest, config, parameters }: BackboneDescription): Buffer {
  const manifest: z.infer<typeof manifestSchema> = { formatVersion: 1, digest, weightsDigest, config, parameters };
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** @param key named in errors @throws OBJECT_DAMAGED */
export function readBackboneManifest(name: string, key: string, content: Uint8Array): BackboneDescription {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(content).toString('utf8'));
  } catch (cause) {
    throw failure('OBJECT_DAMAGED', { key, reason: 'it is not JSON' }, cause);
  }
  const manifest = manifestSchema.safeParse(parsed);
  if (!manifest.success) {
    const { path, message } = manifest.error.issues[0]!;
    throw failure('OBJECT_DAMAGED', { key, reason: `${path.join('.') || 'manifest'}: ${message}` }, manifest.error);
  }
  const { digest, weightsDigest, config, parameters } = manifest.data;
  return { name, digest, weightsDigest, config, parameters };
}
