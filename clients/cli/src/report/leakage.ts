import { percent, type Report } from './report.js';

/**
 * Returns the warning for the accuracies of a split.
 *
 * @param split in words, as trainings describe it
 */
export function explainLeakage(split: string, { patchOverlap }: Pick<Report['metrics'], 'patchOverlap'>): string {
  const overlap =
    patchOverlap === undefined ? '' : `${percent(patchOverlap)} of the test patches hold a training pixel. `;
  if (split.includes('disjoint')) {
    return `${overlap}Training and test pixels lie in separate blocks with a band between them: expect this accuracy on land far from training pixels.`;
  }
  if (patchOverlap === 0) return overlap.trim();
  return `${overlap}Training and test pixels are neighbours: expect less on land far from any training pixel. "--split blocks" measures that.`;
}
