import type { Split } from '@hyperswap/proto';

/** Pixels of a split. */
export interface SplitPixels {
  readonly train: number;
  readonly test: number;
}

/**
 * Returns one plain sentence that tells which pixels train and which test.
 *
 * @param split undefined for the counts of a preset
 */
export function splitSentence(split: Split | undefined, pixels: SplitPixels): string {
  const [train, test] = [pixels.train.toLocaleString('en'), pixels.test.toLocaleString('en')];
  const kind = split?.kind;
  switch (kind?.$case) {
    case 'labelMaps':
      return `${train} pixels of the label map ${kind.value.train} train, and ${test} pixels of ${kind.value.test} test.`;
    case 'fraction':
      return `${Number((100 * kind.value.share).toFixed(4))} % of the labelled pixels of each class, drawn at random, train (${train} pixels), and the other ${test} test.`;
    case 'blocks': {
      const { blockSize, trainShare, limit } = kind.value;
      const side = blockSize || 16;
      const most = limit > 0 ? `, at most ${limit} pixels of a class` : '';
      const share = Number((100 * (trainShare || 0.3)).toFixed(4));
      return `The scene is cut into blocks of ${side} × ${side} pixels: ${share} % of the blocks train${most} (${train} pixels), and ${test} pixels of the other blocks test, none of them so near to a training block that its patch reaches into it.`;
    }
    case 'perClass': {
      const { count, smallCount, counts } = kind.value;
      if (counts.length > 0) break;
      const few = smallCount > 0 && smallCount !== count ? ` (${smallCount} of classes with few)` : '';
      return `${count} labelled pixels of each class${few}, drawn at random, train (${train} pixels), and the other ${test} test.`;
    }
    case 'all':
      return `All ${train} labelled pixels train, and none is left for a test.`;
    case undefined:
      break;
  }
  return `A given number of labelled pixels of each class, drawn at random, trains (${train} pixels), and the other ${test} test.`;
}
