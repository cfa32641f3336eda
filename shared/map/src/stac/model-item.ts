/** STAC item of an adapter: STAC 1.1.0 with the extension Machine Learning Model 1.5.2. */
import type { LandCoverClass } from '../classes.js';
import { stacClasses } from './classes.js';

export interface ModelItem {
  readonly name: string;
  readonly version: number;
  /** Time of the registration. */
  readonly made: Date;
  readonly description: string;
  readonly method: string;
  readonly backbone: { readonly name: string; readonly digest: string };
  /** Learned values. */
  readonly parameters: number;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Bands of a pixel. */
  readonly bands: number;
  /** Centre of each band in nanometres; empty when unknown. */
  readonly wavelengths: readonly number[];
  readonly classes: readonly LandCoverClass[];
  readonly software: string;
  /** Names of the files; the first that ends in `.safetensors` holds the weights. */
  readonly files: readonly string[];
}

/** Returns the item. It has no geometry: an adapter belongs to a scene, not to a place. */
export function modelItem(item: ModelItem): object {
  const { name, version, made, description, method, backbone, parameters, patchSize, bands, wavelengths, classes } =
    item;
  const bandNames = wavelengths.map((_, band) => `band ${band + 1}`);
  const weights = item.files.find((file) => file.endsWith('.safetensors'));
  return {
    type: 'Feature',
    stac_version: '1.1.0',
    stac_extensions: ['https://stac-extensions.github.io/mlm/v1.5.2/schema.json'],
    id: `${name}-${version}`,
    geometry: null,
    properties: {
      title: `${name}@${version}`,
      description,
      datetime: made.toISOString(),
      ...(bandNames.length > 0 && {
        bands: bandNames.map((band, index) => ({ name: band, description: `${wavelengths[index]} nm` })),
      }),
      'mlm:name': `hyperswap ${name} ${version}`,
      'mlm:architecture': `SpectralGPT with an adapter (${method})`,
      'mlm:tasks': ['classification'],
      'mlm:framework': 'TensorFlow',
      'mlm:pretrained': true,
      'mlm:pretrained_source': backbone.name,
      'mlm:hyperparameters': {
        method,
        patch_size: patchSize,
        learned_values: parameters,
        backbone: backbone.name,
        backbone_digest: backbone.digest,
        program: item.software,
      },
      'mlm:input': [
        {
          name: 'Patch around a pixel',
          description: 'Pixels of all bands. PCA, normalisation and resizing are part of the adapter.',
          bands: bandNames,
          input: {
            shape: [-1, patchSize, patchSize, bands],
            dim_order: ['batch', 'height', 'width', bandNames.length > 0 ? 'bands' : 'channel'],
            data_type: 'float32',
          },
        },
      ],
      'mlm:output': [
        {
          name: 'Probability of each class of the pixel in the middle',
          tasks: ['classification'],
          result: { shape: [-1, classes.length], dim_order: ['batch', 'class'], data_type: 'float32' },
          'classification:classes': stacClasses(classes.map((found, index) => ({ ...found, value: index + 1 }))),
        },
      ],
    },
    links: [],
    assets: Object.fromEntries(
      item.files.map((file) => [
        file === weights ? 'model' : file.replaceAll(/[^A-Za-z0-9]+/g, '-'),
        file === weights
          ? {
              href: `./${file}`,
              title: 'Weights of the adapter and the head',
              type: 'application/octet-stream; application=safetensors',
              roles: ['mlm:model', 'mlm:weights'],
              'mlm:artifact_type': 'safetensors',
            }
          : { href: `./${file}`, roles: ['metadata'] },
      ]),
    ),
  };
}
