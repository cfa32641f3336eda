import type { BackboneConfig } from '@hyperswap/spectralgpt';
import type { AdmittedAdapter } from './binding-table.js';
import type { CheckedTile } from './check-tile.js';
import type { TileToOpen } from './engine/open-tiles.js';
import type { Size } from './scheduler/memory-budget.js';
import type { Work, WorkGroup } from './scheduler/work.js';

/** Classes of the pixels of a tile's window that are classified, row by row. */
export interface TileLabels {
  /** Class of each pixel, from 1. */
  readonly labels: Uint8Array;
  /** Probability of that class, 255ths. */
  readonly confidence: Uint8Array;
  /** Probability of every class in 255ths, pixel by pixel; empty unless asked for. */
  readonly probabilities: Uint8Array;
}

/** Results of a tile. */
export interface TileResults extends TileLabels {
  /** Logit of every class, pixel by pixel; empty but for adapters whose features are diffused. */
  readonly logits: Float32Array;
}

/** A tile as the scheduler has it: patches around the pixels of its window. Batches fill in its results. */
export interface TileWork extends Work, TileResults {
  readonly kind: 'tile';
  /** Name of the tile in the engine. */
  readonly key: number;
  /** Digest of the adapter, which is bound as long as the work lives. */
  readonly digest: string;
  readonly classes: number;
  /** Content that its first batch moves to the engine; undefined from then on. */
  content: Omit<TileToOpen, 'key' | 'digest'> | undefined;
}

/** Size of a tile: its window, what is around it, and the bytes of its pixels. */
export type TileExtent = Pick<CheckedTile, 'window' | 'margins' | 'rowStep' | 'chosen'> & {
  readonly pixels: { readonly byteLength: number };
};

/** Memory of a tile beside its pixels and results: its message, promises and places in queues. */
const bytesPerTile = 4_096;
let nextKey = 1;

/** Returns work of a checked tile. @param probabilities the probabilities of all classes are wanted too */
export function newTileWork(
  { window: { height, width }, margins, pixels, pixelType, bands, raw, rowStep = 1, chosen }: CheckedTile,
  { digest, classes, diffusion }: Pick<AdmittedAdapter, 'digest' | 'classes' | 'diffusion'>,
  group: WorkGroup,
  probabilities: boolean,
): TileWork {
  const patches = chosen?.length ?? height * width;
  return {
    kind: 'tile',
    key: nextKey++,
    digest,
    classes,
    group,
    patches,
    content: { pixels, pixelType, bands, raw, height, width, margins, rowStep, chosen },
    labels: new Uint8Array(patches),
    confidence: new Uint8Array(patches),
    probabilities: new Uint8Array(probabilities ? patches * classes : 0),
    logits: new Float32Array(diffusion === undefined ? 0 : patches * classes),
  };
}

/** Returns the memory of a tile: pixels as received, pixels normalised on the device, and its results. */
export function tileSize(
  { window: { height, width }, margins, pixels, rowStep = 1, chosen }: TileExtent,
  { classes, diffusion }: Pick<AdmittedAdapter, 'classes' | 'diffusion'>,
  { components }: BackboneConfig,
  probabilities: boolean,
): Size {
  const patches = chosen?.length ?? height * width;
  const area = (margins.top + (height - 1) * rowStep + 1 + margins.bottom) * (margins.left + width + margins.right);
  const results = patches * (2 + (probabilities ? classes : 0) + (diffusion === undefined ? 0 : 4 * classes));
  return { patches, bytes: bytesPerTile + pixels.byteLength + 4 * components * area + results };
}
