import { PixelType, type Scene } from '@hyperswap/proto';
import type { SceneManifest } from '@hyperswap/scene';

/** Returns a prepared scene as it travels over gRPC. */
export function toSceneMessage(manifest: SceneManifest): Scene {
  const { name, height, width, bands, components, pcaDigest, attribution, sourceDigest } = manifest;
  return {
    name,
    raster: {
      height,
      width,
      bands,
      pixelType: PixelType.PIXEL_TYPE_UNSPECIFIED,
      wavelengths: [],
      fullWidths: [],
      goodBands: [],
      nodata: undefined,
      zeroIsNodata: false,
      scale: undefined,
      offset: undefined,
      georeference: undefined,
    },
    components,
    pcaDigest,
    attribution,
    sourceDigest,
    explainedVarianceRatio: [...manifest.explainedVarianceRatio],
    statistics: [...manifest.statistics],
    labelMaps: [...manifest.labelMaps],
    classes: [...manifest.classes],
    validPixels: height * width,
  };
}

/** Returns the little-endian bytes of values without a copy; every platform we run on is little-endian. */
export function toBytes(values: Float32Array | Uint8Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
