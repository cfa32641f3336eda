import type { Scene } from '@hyperswap/proto';
import type { SceneManifest } from '@hyperswap/scene';

/** A prepared scene as it travels over gRPC. */
export function toSceneMessage(manifest: SceneManifest): Scene {
  const { name, height, width, bands, components, pcaDigest, attribution, sourceDigest } = manifest;
  return {
    name,
    height,
    width,
    bands,
    components,
    pcaDigest,
    attribution,
    sourceDigest,
    explainedVarianceRatio: [...manifest.explainedVarianceRatio],
    statistics: [...manifest.statistics],
    labelMaps: [...manifest.labelMaps],
    classes: [...manifest.classes],
  };
}

/** Float32 values as little-endian bytes; every platform we run on is little-endian. */
export function toBytes(values: Float32Array | Uint8Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
