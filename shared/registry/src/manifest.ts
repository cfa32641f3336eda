/** Manifest of a version, written once beside its blob. */
import { learnedParameterCount, type Adapter, type AdapterMetadata } from '@hyperswap/adapter';
import { failure } from '@hyperswap/errors';
import { parseShallowJson, ShallowJsonError } from '@hyperswap/safetensors';
import { z } from 'zod';
import type { Signature } from '@hyperswap/keys';

/** Origin of a version. Its training data is in its metadata. */
export interface Lineage {
  readonly origin: 'training' | 'upload';
  /** ISO 8601 */
  readonly publishedAt: string;
  /** Version that the name meant before, in the form `name@6`. */
  readonly supersedes?: string;
}

export interface Manifest {
  readonly digest: string;
  readonly bytes: number;
  /** Learned values, head included. */
  readonly parameters: number;
  readonly metadata: AdapterMetadata;
  /** Absent in versions of earlier releases. */
  readonly lineage?: Lineage;
  readonly signature?: Signature;
}

/** Objects and lists inside each other: the metadata's, in the manifest. */
const manifestLevels = 5;
/** Fields that decide the use of a manifest; the metadata was checked when the version was registered. */
const manifestSchema = z.object({
  digest: z.string(),
  bytes: z.number(),
  parameters: z.number(),
  metadata: z.record(z.string(), z.unknown()),
});

/** @param key named in errors @throws OBJECT_DAMAGED */
export function parseManifest(key: string, content: Uint8Array): Manifest {
  try {
    const parsed = parseShallowJson(content, manifestLevels);
    manifestSchema.parse(parsed);
    return parsed as Manifest;
  } catch (cause) {
    const reason = cause instanceof ShallowJsonError ? `it ${cause.message}` : 'it is no manifest of an adapter';
    throw failure('OBJECT_DAMAGED', { key, reason }, cause);
  }
}

export function describeVersion(
  adapter: Adapter,
  blob: Uint8Array,
  digest: string,
  lineage: Lineage,
  signature: Signature | undefined,
): Manifest {
  const parameters = learnedParameterCount(adapter);
  const { metadata } = adapter;
  return { digest, bytes: blob.byteLength, parameters, metadata, lineage, ...(signature && { signature }) };
}

export function blobKey(name: string, version: number): string {
  return `adapters/${name}/${version}/adapter.safetensors`;
}

export function manifestKey(name: string, version: number): string {
  return `adapters/${name}/${version}/manifest.json`;
}
