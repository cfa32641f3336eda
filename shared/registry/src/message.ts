import type { Metrics } from '@hyperswap/map';
import { AdapterOrigin, type AdapterVersion, type Metrics as MetricsMessage } from '@hyperswap/proto';
import type { AdapterRecord } from './adapter-record.js';

function originOf(origin: 'training' | 'upload' | undefined): AdapterOrigin {
  if (origin === undefined) return AdapterOrigin.ADAPTER_ORIGIN_UNSPECIFIED;
  return origin === 'training' ? AdapterOrigin.ADAPTER_ORIGIN_TRAINING : AdapterOrigin.ADAPTER_ORIGIN_UPLOAD;
}

/** Metrics as they travel over gRPC. */
export function toMetricsMessage(metrics: Metrics): MetricsMessage {
  const { overallAccuracy, averageAccuracy, kappa, perClass, confusion, patchOverlap, calibrationError } = metrics;
  const copied = <Item extends object>(items: readonly Item[] = []): Item[] => items.map((item) => ({ ...item }));
  return {
    overallAccuracy,
    averageAccuracy,
    kappa,
    perClass: copied(perClass),
    confusion: [...confusion],
    patchOverlap,
    byDistance: copied(metrics.byDistance),
    distanceHistogram: [...(metrics.distanceHistogram ?? [])],
    reliability: copied(metrics.reliability),
    calibrationError,
  };
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
    calibration: metadata.calibration && { ...metadata.calibration },
    diffusionReach: metadata.diffusion?.reach,
    signedBy: record.signature?.keyId ?? '',
  };
}
