/** Batches of segments of open tiles, from pixels to labels. */
import type { Classification } from '@hyperswap/adapter';
import { tensorflow, type Steps, type Tensor2D } from '@hyperswap/tensor';
import { findBinding } from './bound-adapters.js';
import { openTile, takePatches, type TileSegment, type TileToOpen } from './open-tiles.js';

export interface ClassifyArguments {
  /** Tiles of the segments that come for the first time. */
  readonly open: readonly TileToOpen[];
  readonly segments: readonly TileSegment[];
  /** Returns the probabilities of all classes too. */
  readonly probabilities: boolean;
  /** Returns the logits of all classes too. */
  readonly logits: boolean;
}

/**
 * Classifies a batch, a step a block of the backbone. The backbone runs once for all adapters, and each has
 * its own head.
 */
export function* classifyBatch(args: ClassifyArguments): Steps<Classification> {
  const { segments, probabilities, logits } = args;
  const owners = segments.map(({ digest }) => findBinding(digest));
  const patches = yield* gatherBatch(args);
  let views: readonly Tensor2D[] = [];
  try {
    views = yield* owners[0]!.featuresOfViews(patches);
    const parts: Classification[] = [];
    for (let [index, row] = [0, 0]; index < segments.length;) {
      const owner = owners[index]!;
      let rows = 0;
      for (; index < segments.length && owners[index] === owner; index++) rows += segments[index]!.count;
      parts.push(owner.classifyFeatures(views, { first: row, count: rows }, { probabilities, logits }));
      row += rows;
    }
    return joined(parts);
  } finally {
    tensorflow().dispose([patches, ...views]);
  }
}

/** Opens the new tiles of a batch and gathers its patches, `[components, patches · patchSize²]`. */
function* gatherBatch({ open, segments }: ClassifyArguments): Steps<Tensor2D> {
  const tf = tensorflow();
  for (const tile of open) yield* openTile(tile);
  return tf.tidy(() => {
    const parts = segments.map(takePatches);
    return parts.length === 1 ? parts[0]! : tf.concat(parts, 1);
  });
}

/** Puts classifications one behind the other. */
function joined(parts: readonly Classification[]): Classification {
  if (parts.length === 1) return parts[0]!;
  const join = (plane: Exclude<keyof Classification, 'logits'>): Uint8Array => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part[plane].length, 0));
    let place = 0;
    for (const part of parts) {
      all.set(part[plane], place);
      place += part[plane].length;
    }
    return all;
  };
  const logits = new Float32Array(parts.reduce((sum, part) => sum + part.logits.length, 0));
  let place = 0;
  for (const part of parts) {
    logits.set(part.logits, place);
    place += part.logits.length;
  }
  return { labels: join('labels'), confidence: join('confidence'), probabilities: join('probabilities'), logits };
}
