import type { Metrics } from '@hyperswap/map';
import { AdapterOrigin, type AdapterVersion, type Metrics as MetricsMessage } from '@hyperswap/proto';
import type { AdapterRecord } from './adapter-record.js';

function originOf(origin: 'training' | 'upload' | undefined): AdapterOrigin {
  if (origin === undefined) return AdapterOrigin.ADAPTER_ORIGIN_UNSPECIFIED;
  return origin === 'training' ? AdapterOrigin.ADAPTER_ORIGIN_TRAINING : AdapterOrigin.ADAPTER_ORIGIN_UPLOAD;
}

/** Metrics as they travel over gRPC. */
export function toMetricsMessage({ perClass, confusion, ...shares }: Metrics): MetricsMessage {
  return { ...shares, perClass: perClass.map((found) => ({ ...found })), confusion: [...confusion] };
}

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
    classes: metadata.classes.map((found) => ({ ...found })),
    metrics: metadata.metrics && toMetricsMessage(metadata.metrics),
    scene: metadata.training.scene,
    split: metadata.training.split,
    pcaDigest: metadata.pcaDigest,
    publishedAt: record.lineage === undefined ? undefined : new Date(record.lineage.publishedAt),
    origin: originOf(record.lineage?.origin),
    supersedes: record.lineage?.supersedes ?? '',
    wavelengths: metadata.wavelengths ?? [],
    fullWidths: metadata.fullWidths ?? [],
    goodBands: metadata.goodBands ?? [],
    signedBy: record.signature?.keyId ?? '',
  };
}
