/** Returns the labelled pixels of a label map, as row · width + column. */
export function labelledPixels(labels: Uint8Array): number[] {
  const pixels: number[] = [];
  labels.forEach((label, pixel) => {
    if (label !== 0) pixels.push(pixel);
  });
  return pixels;
}

/** Returns the pixels of each class; class 1 is at index 0. */
export function pixelsByClass(labels: Uint8Array): number[][] {
  const classes = labels.reduce((most, label) => Math.max(most, label), 0);
  const byClass = Array.from({ length: classes }, (): number[] => []);
  for (const pixel of labelledPixels(labels)) byClass[labels[pixel]! - 1]!.push(pixel);
  return byClass;
}
