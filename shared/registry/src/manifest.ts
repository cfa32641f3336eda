/** What is written of a version beside its blob, once. */
import { learnedParameterCount, type Adapter, type AdapterMetadata } from '@hyperswap/adapter';
import type { Signature } from '@hyperswap/keys';

/** Where a version came from. What it was trained on is in its metadata. */
export interface Lineage {
  readonly origin: 'training' | 'upload';
  /** ISO 8601 */
  readonly publishedAt: string;
  /** What the name meant before, as `name@6`. */
  readonly supersedes?: string;
}

export interface Manifest {
  readonly digest: string;
  readonly bytes: number;
  /** Learned values, head included. */
  readonly parameters: number;
  readonly metadata: AdapterMetadata;
  /** Versions of before there was one have none. */
  readonly lineage?: Lineage;
  readonly signature?: Signature;
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
