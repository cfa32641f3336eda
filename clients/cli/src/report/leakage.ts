/** Returns the warning that a reader needs before a split's accuracies. @param split in words, as trainings describe it */
export function explainLeakage(split: string): string {
  if (split.includes('disjoint')) {
    return 'Training and test pixels lie in separate blocks with a band between them: this is what to expect on land that no training pixel is near.';
  }
  return 'Training and test pixels are neighbours, so their patches overlap: expect less on land far from any training pixel. "--split blocks" measures that.';
}
