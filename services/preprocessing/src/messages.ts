import { PixelType, type Georeference, type RasterInfo, type Scene } from '@hyperswap/proto';
import { contentDigest, type RasterDescription, type SceneManifest } from '@hyperswap/scene';
import { pixelTypeOf } from './scene-header.js';

/** Returns a prepared scene as it travels over gRPC. */
export function toSceneMessage(manifest: SceneManifest): Scene {
  const { name, components, pcaDigest, attribution, sourceDigest, validPixels, lookupTable } = manifest;
  return {
    name,
    raster: toRasterInfo(manifest),
    components,
    pcaDigest,
    attribution,
    sourceDigest,
    explainedVarianceRatio: [...manifest.explainedVarianceRatio],
    statistics: [...manifest.statistics],
    labelMaps: [...manifest.labelMaps],
    classes: [...manifest.classes],
    validPixels,
    digest: contentDigest(manifest),
    ...(lookupTable && {
      lookupTable: { ...lookupTable, georeference: toGeoreference(lookupTable.georeference) },
    }),
  };
}

/** Returns the little-endian bytes of values without a copy; every platform we run on is little-endian. */
export function toBytes(values: Float32Array | Int32Array | Uint8Array | Uint16Array | Int16Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function toRasterInfo({ height, width, bands, raster }: SceneManifest): RasterInfo {
  // Scenes of the first format do not tell.
  const georeference = raster?.georeference;
  return {
    height,
    width,
    bands,
    pixelType: raster === undefined ? PixelType.PIXEL_TYPE_UNSPECIFIED : pixelTypeOf(raster.pixelType),
    wavelengths: [...(raster?.wavelengths ?? [])],
    fullWidths: [...(raster?.fullWidths ?? [])],
    goodBands: [...(raster?.goodBands ?? [])],
    nodata: raster?.nodata,
    zeroIsNodata: raster?.zeroIsNodata ?? false,
    scale: raster?.scale,
    offset: raster?.offset,
    georeference: georeference && toGeoreference(georeference),
  };
}

function toGeoreference(found: NonNullable<RasterDescription['georeference']>): Georeference {
  return { ...found, transform: [...found.transform] };
}
