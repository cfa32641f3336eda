import { openInference } from '@hyperswap/proto';
import type { AdapterRecord } from '@hyperswap/registry';
import { inputNames, maximumPatches } from './check-input.js';

const { DataType } = openInference;

/** Name of the engine, as a platform or backend of models. */
export const platform = 'hyperswap';

/**
 * Returns the tensors of a version, with what its classes and bands mean.
 *
 * @param versions numbers of those that can be used
 */
export function modelMetadata(record: AdapterRecord, versions: readonly number[]): openInference.ModelMetadataResponse {
  const { metadata, digest, name, version, aliases } = record;
  const { patchSize, bands, classes, wavelengths, metrics, backbone } = metadata;
  return {
    name,
    versions: versions.map(String),
    platform,
    inputs: [
      { name: inputNames.patches, datatype: 'FP32', shape: [-1, patchSize, patchSize, bands] },
      { name: inputNames.tile, datatype: 'FP32', shape: [1, -1, -1, bands] },
    ],
    outputs: [
      { name: 'labels', datatype: 'UINT8', shape: [-1] },
      { name: 'confidence', datatype: 'FP32', shape: [-1] },
      { name: 'probabilities', datatype: 'FP32', shape: [-1, classes.length] },
    ],
    properties: {
      version: String(version),
      aliases: aliases.join(','),
      adapter_digest: digest,
      backbone: backbone.name,
      backbone_digest: backbone.digest,
      patch_size: String(patchSize),
      bands: String(bands),
      classes: JSON.stringify(classes.map((found) => found.name)),
      wavelengths: JSON.stringify(wavelengths ?? []),
      ...(metrics && { overall_accuracy: String(metrics.overallAccuracy) }),
    },
  };
}

/**
 * Returns the configuration of a version. Its first dimension is a batch of patches: dimensions are those of one patch.
 * A tile is the optional input, because a request has one of both.
 */
export function modelConfig({ metadata, name }: AdapterRecord): openInference.ModelConfig {
  const { patchSize, bands, classes } = metadata;
  return {
    name,
    platform,
    backend: platform,
    maxBatchSize: maximumPatches,
    input: [
      { name: inputNames.patches, dataType: DataType.TYPE_FP32, dims: [patchSize, patchSize, bands], optional: false },
      { name: inputNames.tile, dataType: DataType.TYPE_FP32, dims: [-1, -1, bands], optional: true },
    ],
    output: [
      { name: 'labels', dataType: DataType.TYPE_UINT8, dims: [] },
      { name: 'confidence', dataType: DataType.TYPE_FP32, dims: [] },
      { name: 'probabilities', dataType: DataType.TYPE_FP32, dims: [classes.length] },
    ],
    parameters: {},
    modelTransactionPolicy: { decoupled: false },
  };
}
