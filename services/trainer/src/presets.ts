/**
 * Settings of the paper for its five scenes (sections 4.1 to 4.3, tables 1 to 5), as starting points for these and
 * similar scenes, and published splits of them.
 */
import { failure } from '@hyperswap/errors';
import type { NormalizerName } from './normalizer.js';

export interface Preset {
  readonly name: string;
  readonly patchSize: number;
  /** Normaliser for backbones with the release's weights; spectralgpt-mini was pretrained on standardised scenes. */
  readonly normalizer: NormalizerName;
  /** Shape of KronA's A at width 768; the shape of B follows from it. */
  readonly krona: { readonly rows: number; readonly columns: number };
  /** λ of the "+" methods. */
  readonly lambda: Readonly<Record<string, number>>;
  /** Class names, in the order of the common ground truth. */
  readonly classes: readonly string[];
  /** Class names, in the order of the given training and test maps, if it differs. */
  readonly classesOfMaps?: readonly string[];
  /** Training pixels of each class. */
  readonly counts: readonly number[];
  /** Label maps that train and test where a request names no split; undefined where pixels are drawn by the counts. */
  readonly maps?: { readonly train: string; readonly test: string };
}

const named = (names: string): string[] => names.split(', ');

/** Settings that the splits of Indian Pines share. */
const indianPines = {
  patchSize: 15,
  normalizer: 'bigearthnet',
  krona: { rows: 384, columns: 2 },
  lambda: { 'lora+': 1.025, 'krona+': 1.02 },
  classes: named(
    'Alfalfa, Corn-notill, Corn-mintill, Corn, Grass-pasture, Grass-trees, Grass-pasture-mowed, Hay-windrowed, Oats, ' +
      'Soybean-notill, Soybean-mintill, Soybean-clean, Wheat, Woods, Buildings-Grass-Trees-Drives, Stone-Steel-Towers',
  ),
} as const;

export const presets: readonly Preset[] = [
  {
    ...indianPines,
    name: 'indian-pines',
    // The maps of SpectralFormer's split number the classes differently.
    classesOfMaps: named(
      'Corn-notill, Corn-mintill, Corn, Grass-pasture, Grass-trees, Hay-windrowed, Soybean-notill, Soybean-mintill, Soybean-clean, ' +
        'Wheat, Woods, Buildings-Grass-Trees-Drives, Stone-Steel-Towers, Alfalfa, Grass-pasture-mowed, Oats',
    ),
    counts: [15, 50, 50, 50, 50, 50, 15, 50, 15, 50, 50, 50, 50, 50, 50, 50],
  },
  {
    // The official split of IEEE GRSS DASE; `hyperswap datasets split` makes its label maps.
    ...indianPines,
    name: 'indian-pines-dase',
    counts: [29, 762, 435, 146, 232, 394, 16, 235, 10, 470, 1414, 328, 132, 728, 291, 57],
    maps: { train: 'dase-train', test: 'dase-test' },
  },
  {
    name: 'pavia-university',
    patchSize: 9,
    normalizer: 'bigearthnet',
    krona: { rows: 24, columns: 32 },
    lambda: { 'lora+': 1.3, 'krona+': 8 },
    classes: named(
      'Asphalt, Meadows, Gravel, Trees, Painted metal sheets, Bare soil, Bitumen, Self-blocking bricks, Shadows',
    ),
    counts: [548, 540, 392, 524, 265, 532, 375, 514, 231],
  },
  {
    name: 'houston-2013',
    patchSize: 9,
    normalizer: 'bigearthnet',
    krona: { rows: 16, columns: 48 },
    lambda: { 'lora+': 1.15, 'krona+': 1.05 },
    classes: named(
      'Healthy grass, Stressed grass, Synthetic grass, Tree, Soil, Water, Residential, Commercial, Road, Highway, Railway, ' +
        'Parking lot 1, Parking lot 2, Tennis court, Running track',
    ),
    counts: [198, 190, 192, 188, 186, 182, 196, 191, 193, 191, 181, 192, 184, 181, 187],
  },
  {
    name: 'botswana',
    patchSize: 9,
    normalizer: 'bigearthnet',
    krona: { rows: 384, columns: 2 },
    lambda: { 'lora+': 1.15, 'krona+': 1.5 },
    classes: named(
      'Water, Hippo grass, Floodplain grasses 1, Floodplain grasses 2, Reeds, Riparian, Firescar, Island interior, ' +
        'Acacia woodlands, Acacia shrublands, Acacia grasslands, Short mopane, Mixed mopane, Exposed soils',
    ),
    counts: new Array<number>(14).fill(30),
  },
  {
    name: 'whu-hi-longkou',
    patchSize: 27,
    normalizer: 'min-max',
    krona: { rows: 384, columns: 2 },
    lambda: { 'lora+': 1.08, 'krona+': 1.02 },
    classes: named(
      'Corn, Cotton, Sesame, Broad-leaf soybean, Narrow-leaf soybean, Rice, Water, Roads and houses, Mixed weed',
    ),
    counts: new Array<number>(9).fill(1000),
  },
];

/** @throws FIELD_INVALID when there is no preset of that name */
export function findPreset(name: string): Preset {
  const found = presets.find((preset) => preset.name === name);
  if (found !== undefined) return found;
  const reason = `${name} is unknown; there are ${presets.map((preset) => preset.name).join(', ')}`;
  throw failure('FIELD_INVALID', { field: 'preset', reason });
}

/** Width of the backbone that the paper's settings belong to; narrower ones keep their own defaults. */
const paperWidth = 768;

/**
 * Returns the settings that a preset gives a method on a backbone, as `--set` would.
 *
 * @param width of the backbone
 */
export function presetSettings(preset: Preset, method: string, width: number): Record<string, string> {
  const lambda = preset.lambda[method];
  const isPaper = width === paperWidth;
  return {
    ...(lambda === undefined ? {} : { lambda: String(lambda) }),
    ...(isPaper ? { normalizer: preset.normalizer } : {}),
    ...(isPaper && method.startsWith('krona')
      ? { rows: String(preset.krona.rows), columns: String(preset.krona.columns) }
      : {}),
  };
}
