/** Pixels of a label map that have a label, as row · width + column. */
export function labelledPixels(labels: Uint8Array): number[] {
  const pixels: number[] = [];
  labels.forEach((label, pixel) => {
    if (label !== 0) pixels.push(pixel);
  });
  return pixels;
}

/** Pixels of each class, from class 1 on at index 0. */
export function pixelsByClass(labels: Uint8Array): number[][] {
  const classes = labels.reduce((most, label) => Math.max(most, label), 0);
  const byClass = Array.from({ length: classes }, (): number[] => []);
  for (const pixel of labelledPixels(labels)) byClass[labels[pixel]! - 1]!.push(pixel);
  return byClass;
}
