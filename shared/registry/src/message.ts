import type { AdapterVersion } from '@hyperswap/proto';
import type { AdapterRecord } from './adapter-registry.js';

/** A version as it travels over gRPC. */
export function toAdapterVersion(record: AdapterRecord): AdapterVersion {
  const { metadata } = record;
  return {
    name: record.name,
    version: record.version,
    digest: record.digest,
    bytes: record.bytes,
    parameters: record.parameters,
    aliases: [...record.aliases],
    retired: record.retired,
    pins: record.pins.map((pin) => `${record.name}${pin}`),
    method: metadata.method,
    backbone: metadata.backbone.name,
    backboneDigest: metadata.backbone.digest,
    patchSize: metadata.patchSize,
    bands: metadata.bands,
    classes: metadata.classes,
    metrics: metadata.metrics,
    scene: metadata.training.scene,
    split: metadata.training.split,
    pcaDigest: metadata.pcaDigest,
    publishedAt: record.lineage?.publishedAt ?? '',
    origin: record.lineage?.origin ?? '',
    supersedes: record.lineage?.supersedes ?? '',
    signedBy: record.signature?.keyId ?? '',
  };
}
