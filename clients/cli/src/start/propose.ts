/** Proposals for a first training, from the labels of a scene. */

/** Labels of a scene, counted. */
export interface LabelFacts {
  /** Labelled pixels of each class, from class 1 on. */
  readonly counts: readonly number[];
  /** Pixels that an area of one class is wide, as seen from its pixels: the median. */
  readonly areaWidth: number;
}

/** Value of an option, and its reason in a sentence. */
export interface Proposal {
  readonly value: string;
  readonly reason: string;
}

const usualCount = 50;
const smallCount = 15;
/** Labelled pixels of a class below which a test of it says little. */
const fewPixels = 10;
/** Sides of patches that the paper uses, and some between. */
const patchSides = [5, 7, 9, 11, 13, 15, 21, 27];
const usualPatch = 9;

/** Counts the labels of each class, and measures their areas. @param labels `[height, width]`, 0 for unlabelled */
export function measureLabels(labels: Uint8Array, width: number): LabelFacts {
  const counts = new Array<number>(labels.reduce((most, label) => Math.max(most, label), 0)).fill(0);
  for (const label of labels) if (label > 0) counts[label - 1]! += 1;
  const height = labels.length / width;
  const runs = [
    ...runLengths(labels, height, width, (line, place) => line * width + place),
    ...runLengths(labels, width, height, (line, place) => place * width + line),
  ].sort((a, b) => a - b);
  // Each run counts once for each of its pixels.
  const total = runs.reduce((sum, run) => sum + run, 0);
  let seen = 0;
  const areaWidth = runs.find((run) => (seen += run) >= total / 2) ?? 0;
  return { counts, areaWidth };
}

/** Lengths of runs of one class along lines. @param index place of a pixel in the labels */
function runLengths(
  labels: Uint8Array,
  lines: number,
  length: number,
  index: (line: number, place: number) => number,
): number[] {
  const runs: number[] = [];
  for (let line = 0; line < lines; line++) {
    let run = 0;
    let last = 0;
    for (let place = 0; place < length; place++) {
      const label = labels[index(line, place)]!;
      if (label !== last && run > 0) runs.push(run);
      run = label === 0 ? 0 : label === last ? run + 1 : 1;
      last = label;
    }
    if (run > 0) runs.push(run);
  }
  return runs;
}

/** Proposes the split of a first training. */
export function proposeSplit({ counts }: LabelFacts): Proposal {
  const present = counts.filter((count) => count > 0);
  const smallest = Math.min(...present);
  const large = present.filter((count) => count >= 1.5 * usualCount).length;
  if (smallest < fewPixels) {
    return {
      value: 'all',
      reason: `the smallest class has ${smallest} labelled pixels, too few to test it: all labels train, and nothing is tested`,
    };
  }
  if (large === 0) {
    return {
      value: '50%',
      reason: `all classes have fewer than ${1.5 * usualCount} labelled pixels: half of each trains, half tests`,
    };
  }
  return {
    value: `${usualCount}:${smallCount}`,
    reason:
      large === present.length
        ? `every class has enough labels: ${usualCount} random pixels of each train, all others test`
        : `${usualCount} random pixels of each class train, ${smallCount} of the classes with fewer than ${1.5 * usualCount}; all others test`,
  };
}

/** Proposes the side of the patches of a first training: the surroundings of a pixel that help to tell its class. */
export function proposePatchSize({ areaWidth }: LabelFacts): Proposal {
  if (areaWidth < patchSides[0]!) {
    return {
      value: String(usualPatch),
      reason: `the labels are points or narrow, and do not show the size of fields: ${usualPatch} is a good start`,
    };
  }
  const side = patchSides.findLast((one) => one <= areaWidth)!;
  return {
    value: String(side),
    reason: `labelled areas are about ${areaWidth} pixels wide: a patch of ${side} × ${side} lies mostly in one class`,
  };
}
